"""Which fields each Tripletex object has, in the order the real answers carry them.

Owns the names a `fields` or `sorting` parameter may use and which of them are objects. It must not know
values or requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.simulator.exchange import words


@dataclass(frozen=True, slots=True)
class Model:
    """One object type.

    Attributes:
        name: As Tripletex names it in error texts, for instance CustomerDTO.
        path: The collection under which one object is read; None if it has no address of its own.
        names: Every name of the default answer, in order.
        refs: The names that are objects (or lists of them), sent as `{id, url}` unless expanded.
        on_request: Names sent only when `fields` names them.
    """

    name: str
    path: str | None
    names: tuple[str, ...]
    refs: Mapping[str, "Model"] = field(default_factory=dict)
    on_request: tuple[str, ...] = ()

    def knows(self, name: str) -> bool:
        """Whether the model has a field of this name."""
        return name in self.names or name in self.on_request


CHANGE = Model("ChangeDTO", None, words("employeeId timestamp changeType"))
_CHANGES: Mapping[str, Model] = {"changes": CHANGE}

COUNTRY = Model(
    "CountryDTO",
    "country",
    words("id version url name displayName isoAlpha2Code isoAlpha3Code isoNumericCode"),
    _CHANGES,
    ("changes",),
)
CURRENCY = Model(
    "CurrencyDTO",
    "currency",
    words("id version url code description factor displayName isDisabled"),
    _CHANGES,
    ("changes",),
)
ADDRESS = Model(
    "AddressDTO",
    "address",
    words(
        "id version url addressLine1 addressLine2 postalCode city country displayName addressAsString"
        " displayNameInklMatrikkel knr gnr bnr fnr snr unitNumber"
    ),
    {"country": COUNTRY, **_CHANGES},
    ("changes",),
)
STUB = Model("IdDTO", None, words("id url"))
COMPANY = Model("CompanyDTO", "company", words("id version url name displayName organizationNumber"))
EMPLOYEE = Model("EmployeeDTO", "employee", words("id version url displayName"))
ACCOUNT = Model("AccountDTO", "ledger/account", words("id version url number name"))
BANK_ACCOUNT = Model(
    "CompanyBankAccountPresentationDTO", None, words("iban bban bic country provider"), {"country": COUNTRY}
)

CUSTOMER = Model(
    "CustomerDTO",
    "customer",
    words(
        "id version url name organizationNumber globalLocationNumber supplierNumber customerNumber isSupplier"
        " isCustomer isInactive accountManager department email invoiceEmail overdueNoticeEmail phoneNumber"
        " phoneNumberMobile description language displayName isPrivateIndividual singleCustomerInvoice"
        " invoiceSendMethod emailAttachmentType postalAddress physicalAddress deliveryAddress category1"
        " category2 category3 invoicesDueIn invoicesDueInType currency bankAccountPresentation ledgerAccount"
        " isFactoring invoiceSendSMSNotification invoiceSMSNotificationNumber"
        " isAutomaticSoftReminderEnabled isAutomaticReminderEnabled"
        " isAutomaticNoticeOfDebtCollectionEnabled discountPercentage website"
    ),
    {
        "accountManager": EMPLOYEE,
        "department": STUB,
        "postalAddress": ADDRESS,
        "physicalAddress": ADDRESS,
        "deliveryAddress": ADDRESS,
        "category1": STUB,
        "category2": STUB,
        "category3": STUB,
        "currency": CURRENCY,
        "bankAccountPresentation": BANK_ACCOUNT,
        "ledgerAccount": ACCOUNT,
        **_CHANGES,
    },
    ("changes", "bankAccounts"),
)
WHO_AM_I = Model(
    "LoggedInUserInfoDTO",
    None,
    words("employeeId actualEmployeeId employee companyId company language loggedInWithConnect employeeIsProxy"),
    {"employee": EMPLOYEE, "company": COMPANY},
)
