"""The fields of invoices, orders, lines and of the registers that they refer to, in the order of real answers.

Owns names only, as `model` does for customers. It must not know values or requests.
"""

from bridge.simulator.exchange import words
from bridge.simulator.tripletex.model import COUNTRY, CURRENCY, CUSTOMER, Model

VAT_TYPE_STUB = Model("VatTypeDTO", "ledger/vatType", words("id version url"))
VAT_TYPE = Model(
    "VatTypeDTO",
    "ledger/vatType",
    words("id version url name number displayName percentage deductionPercentage parentType"),
    {"parentType": VAT_TYPE_STUB},
)
DEPARTMENT = Model("DepartmentDTO", "department", words("id version url name departmentNumber displayName isInactive"))
PROJECT = Model(
    "ProjectDTO",
    "project",
    words("id version url name number displayName description startDate endDate isClosed isOffer isInternal"),
)
ACCOUNTING_PERIOD = Model(
    "AccountingPeriodDTO", "ledger/accountingPeriod", words("id version url name number start end isClosed")
)
ACCOUNT = Model(
    "AccountDTO",
    "ledger/account",
    words(
        "id version url number numberPretty name description type ledgerType vatType currency isInactive"
        " isBankAccount isInvoiceAccount bankAccountNumber bankAccountCountry bankName displayName"
    ),
    {"vatType": VAT_TYPE, "currency": CURRENCY, "bankAccountCountry": COUNTRY},
)
VAT_SETTINGS = Model("VatSettingsDTO", "ledger/vatSettings", words("id version url vatRegistrationStatus"))
INVOICE_SETTINGS = Model(
    "InvoiceSettingsDTO",
    None,
    words("bankAccountReady nextInvoiceNumber hasFirstInvoiceNumber externalInvoiceNumber"),
)

_PRODUCT = Model("ProductDTO", "product", words("id url"))
_VENDOR = Model("CompanyDTO", "company", words("id url"))
_CONTACT = Model("ContactDTO", "contact", words("id url"))
_DETAILS = Model("ProjectInvoiceDetailsDTO", "invoice/details", words("id url"))
_VOUCHER = Model("VoucherDTO", "ledger/voucher", words("id url"))
_POSTING = Model("PostingDTO", "ledger/posting", words("id url"))
_GROUP = Model("OrderGroupDTO", "order/orderGroup", words("id url"))
_DOCUMENT = Model("DocumentDTO", "document", words("id url"))
_OTHER = Model("IdDTO", "object", words("id url"))

# The three models refer to one another: their references are filled in below.
_line_refs: dict[str, Model] = {
    "product": _PRODUCT,
    "inventory": _OTHER,
    "currency": CURRENCY,
    "vatType": VAT_TYPE,
    "vendor": _VENDOR,
    "orderGroup": _GROUP,
}
_order_refs: dict[str, Model] = {
    "customer": CUSTOMER,
    "contact": _CONTACT,
    "attn": _CONTACT,
    "department": DEPARTMENT,
    "project": PROJECT,
    "currency": CURRENCY,
    "deliveryAddress": _OTHER,
    "orderGroups": _GROUP,
    "attachment": _DOCUMENT,
    "attachmentRelation": _OTHER,
    "travelReports": _OTHER,
    "accountingDimensionValues": _OTHER,
}
_invoice_refs: dict[str, Model] = {
    "customer": CUSTOMER,
    "travelReports": _OTHER,
    "projectInvoiceDetails": _DETAILS,
    "voucher": _VOUCHER,
    "currency": CURRENCY,
    "postings": _POSTING,
    "reminders": _OTHER,
    "invoiceRemark": _OTHER,
}
ORDER_LINE = Model(
    "OrderLineDTO",
    "order/orderline",
    words(
        "id version url product inventory description displayName count unitCostCurrency"
        " unitPriceExcludingVatCurrency currency markup discount vatType amountExcludingVatCurrency"
        " amountIncludingVatCurrency vendor order unitPriceIncludingVatCurrency isSubscription"
        " subscriptionPeriodStart subscriptionPeriodEnd orderGroup sortIndex isPicked pickedDate"
        " orderedQuantity isCharged"
    ),
    _line_refs,
)
ORDER = Model(
    "OrderDTO",
    "order",
    words(
        "id version url customer contact attn displayName receiverEmail overdueNoticeEmail number reference"
        " contractReference department orderDate project invoiceComment internalComment currency"
        " invoicesDueIn invoicesDueInType isShowOpenPostsOnInvoices isClosed deliveryDate deliveryAddress"
        " deliveryComment isPrioritizeAmountsIncludingVat orderLineSorting orderGroups orderLines"
        " isSubscription subscriptionDuration subscriptionDurationType subscriptionPeriodsOnInvoice"
        " subscriptionPeriodsOnInvoiceType subscriptionInvoicingTimeInAdvanceOrArrears"
        " subscriptionInvoicingTime subscriptionInvoicingTimeType isSubscriptionAutoInvoicing"
        " preliminaryInvoice attachment attachmentRelation sendMethodDescription backorderParentId"
        " invoiceOnAccountVatHigh totalInvoicedOnAccountAmountAbsoluteCurrency invoiceSendSMSNotification"
        " invoiceSMSNotificationNumber markUpOrderLines discountPercentage customerName"
        " projectManagerNameAndNumber travelReports accountingDimensionValues"
    ),
    _order_refs,
)
INVOICE = Model(
    "InvoiceDTO",
    "invoice",
    words(
        "id version url invoiceNumber invoiceDate customer creditedInvoice isCredited invoiceDueDate kid"
        " invoiceComment comment orders orderLines travelReports projectInvoiceDetails voucher deliveryDate"
        " amount amountCurrency amountExcludingVat amountExcludingVatCurrency amountRoundoff"
        " amountRoundoffCurrency amountOutstanding amountCurrencyOutstanding amountOutstandingTotal"
        " amountCurrencyOutstandingTotal sumRemits currency isCreditNote isCharged isApproved postings"
        " reminders invoiceRemarks invoiceRemark isPeriodizationPossible documentId"
    ),
    _invoice_refs,
    ("paymentTypeId", "paidAmount", "ehfSendStatus"),
)
_line_refs["order"] = ORDER
_order_refs.update(orderLines=ORDER_LINE, preliminaryInvoice=INVOICE)
_invoice_refs.update(orders=ORDER, orderLines=ORDER_LINE)
