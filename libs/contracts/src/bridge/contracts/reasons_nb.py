"""The reasons in Norwegian (bokmål), for what a tenant's people read: receipts.

The same closed set as `reasons`; the names of systems and commands stay as they are.
"""

from typing import Final

from bridge.contracts.reasons import Reason, ReasonText

_R: Final = ReasonText

REASONS_NB: Final[dict[Reason, ReasonText]] = {
    Reason.SOURCE_ROW_UNREADABLE: _R(
        "Raden hos avsender bryter avsenderens egen kontrakt i feltet som er nevnt.",
        "Rett feltet hos avsender; raden leses på nytt ved neste henting.",
    ),
    Reason.NUMBER_HELD_BY_ANOTHER: _R(
        "En annen rad hos avsender har allerede dette nummeret.",
        "Gi en av de to et annet nummer hos avsender; den som venter, følger da av seg selv.",
    ),
    Reason.EVENT_TOO_LARGE: _R(
        "Innholdet er større enn det en melding kan være.",
        "Kort ned tekstene eller del innholdet opp hos avsender; feilen oppgir størrelsen og grensen.",
    ),
    Reason.NAME_MISSING: _R("Kunden har ikke noe navn.", "Fyll ut navnet på kunden hos avsender."),
    Reason.CURRENCY_INVALID: _R(
        "Valutaen er ikke en kode med tre store bokstaver.", "Rett valutaen hos avsender; rettelsen sendes av seg selv."
    ),
    Reason.INVOICE_NUMBER_INVALID: _R(
        "Et av numrene på fakturaen kan ikke lagres i Tripletex, som bare tar hele tall opp til 2147483647.",
        "Rett nummeret som er nevnt (faktura eller kunde) i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.INVALID_KID: _R(
        "Siste tegn i KID-nummeret er verken riktig kontrollsiffer etter MOD10 eller MOD11.",
        "Rett eller fjern KID-nummeret i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.ORDER_NUMBER_MISSING: _R(
        "Fakturaen har ikke noe ordrenummer.",
        "Fyll ut ordrenummeret i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.DATES_INVALID: _R(
        "Forfallsdatoen er før fakturadatoen, eller en dato ligger utenfor dette århundret.",
        "Rett datoene i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.LINE_TEXT_MISSING: _R(
        "En fakturalinje mangler beskrivelse, og Tripletex tar ikke imot linjer uten.",
        "Fyll ut teksten på linjen i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.VAT_CODE_UNKNOWN: _R(
        "En fakturalinje har en mva-kode som ikke finnes i standardlisten; det gjettes ikke.",
        "Skriv mva-koden i OC2 nøyaktig slik Tripletex nummererer den (3, 31, 33, 5, 6, 7, 51, 52 osv.).",
    ),
    Reason.VAT_CODE_NOT_FOR_SALES: _R(
        "En fakturalinje har en mva-kode for inngående avgift, som ikke kan brukes på en salgsfaktura.",
        "Velg en mva-kode for utgående avgift i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.TOTAL_DIFFERS_FROM_LINES: _R(
        "Totalbeløpet uten mva. fra OC2 er ikke summen av fakturalinjene.",
        "Finn linjen eller totalen som er feil i OC2; den rettede fakturaen sendes av seg selv.",
    ),
    Reason.INVOICE_OF_ZERO: _R(
        "Fakturaen summerer til null eller har ingen linje med beløp; Tripletex ville ha bokført en tom faktura.",
        "Ta fakturaen ut av bunten i OC2, eller rett fakturalinjene.",
    ),
    Reason.INVOICE_NEGATIVE: _R(
        "Fakturaen summerer til mindre enn null. Kreditnotaer overføres ikke, og den sendes ikke som vanlig faktura.",
        "Krediter den opprinnelige fakturaen manuelt i Tripletex, og ta deretter denne ut av bunten i OC2.",
    ),
    Reason.EVENT_UNREADABLE: _R(
        "Meldingen er ikke slik denne typen melding skal være.",
        "Ta kontakt med dem som drifter integrasjonen; de finner meldingen i listen over stansede meldinger.",
    ),
    Reason.UNKNOWN_SCHEMA: _R(
        "Meldingen har en versjon som denne utgaven av integrasjonen ikke kjenner.",
        "Ta kontakt med dem som drifter integrasjonen; den må oppgraderes før fakturaen sendes på nytt.",
    ),
    Reason.UNEXPECTED: _R(
        "Integrasjonen feilet på denne meldingen på en måte som ingen har forutsett.",
        "Ta kontakt med dem som drifter integrasjonen; fakturaen sendes på nytt når feilen er rettet.",
    ),
    Reason.TARGET_REFUSED: _R(
        "Mottakersystemet avviste innholdet; feilen nevner feltene.",
        "Rett feltene hos avsender, eller be om et nytt forsøk når mottakersystemet godtar dem.",
    ),
    Reason.TARGET_FAILS_ON_THIS: _R(
        "Mottakersystemet feiler hver gang på akkurat denne, mens andre går igjennom.",
        "Be mottakersystemets kundestøtte om hjelp, og be deretter om et nytt forsøk.",
    ),
    Reason.PAYMENT_TERM_REFUSED: _R(
        "Mottakersystemet avviste betalingsbetingelsen som kunden trenger.",
        "Opprett en betingelse med så mange dager manuelt i mottakersystemet, og be om et nytt forsøk.",
    ),
    Reason.CUSTOMER_UNKNOWN: _R(
        "Tripletex har ingen kunde med fakturaens kundenummer.",
        "Opprett kunden i Tripletex med dette nummeret, eller rett nummeret i OC2, og be om et nytt forsøk.",
    ),
    Reason.CUSTOMER_AMBIGUOUS: _R(
        "Flere kunder i Tripletex har fakturaens kundenummer, og det er ikke nøyaktig én av dem som er aktiv.",
        "La bare én av dem beholde nummeret i Tripletex, og be om et nytt forsøk.",
    ),
    Reason.DEPARTMENT_UNKNOWN: _R(
        "Tripletex har ingen avdeling med nøyaktig dette nummeret.",
        "Opprett avdelingen i Tripletex, eller rett nummeret i OC2, og be om et nytt forsøk.",
    ),
    Reason.PROJECT_UNKNOWN: _R(
        "Tripletex har ikke noe prosjekt med nøyaktig dette nummeret.",
        "Opprett prosjektet i Tripletex, eller rett nummeret i OC2, og be om et nytt forsøk.",
    ),
    Reason.CURRENCY_UNKNOWN: _R(
        "Selskapet i Tripletex har ikke denne valutaen.",
        "Aktiver valutaen i Tripletex, eller rett den i OC2, og be om et nytt forsøk.",
    ),
    Reason.VAT_CODE_INACTIVE: _R(
        "En fakturalinje har en mva-kode som ikke er aktiv for dette selskapet i Tripletex.",
        "Aktiver koden i Tripletex (Selskap, Innstillinger, Regnskap, Mva-koder), eller velg en annen i OC2, "
        "og be om et nytt forsøk.",
    ),
    Reason.INVOICE_NUMBER_TAKEN: _R(
        "En annen faktura i Tripletex har allerede dette fakturanummeret; den kommer ikke fra OC2.",
        "Hold nummerseriene i OC2 og Tripletex fra hverandre; gi fakturaen et annet nummer i OC2.",
    ),
    Reason.ORDER_NUMBER_TAKEN: _R(
        "En annen ordre eller et annet prosjekt eller tilbud i Tripletex har dette ordrenummeret; "
        "de deler én nummerserie.",
        "Gi ordren et annet nummer i OC2, eller frigjør nummeret i Tripletex, og be om et nytt forsøk.",
    ),
    Reason.PERIOD_CLOSED: _R(
        "Fakturadatoen ligger i en regnskapsperiode som er avsluttet i Tripletex.",
        "Åpne perioden i Tripletex, eller endre fakturadatoen i OC2, og be om et nytt forsøk.",
    ),
    Reason.SENDING_METHOD_REFUSED: _R(
        "Kundens sendemåte (EHF eller eFaktura) er ikke mulig for kunden, så Tripletex avviser fakturaen "
        "selv om ingenting skal sendes.",
        "Endre sendemåten på kundekortet i Tripletex, og be om et nytt forsøk.",
    ),
    Reason.ADOPTED_BUT_DIFFERENT: _R(
        "Fakturaen finnes allerede i Tripletex, men med andre datoer eller et annet KID-nummer enn i OC2; "
        "den ble ikke sendt på nytt.",
        "Sammenlign de to, og rett fakturaen manuelt i Tripletex om det trengs.",
    ),
    Reason.AMOUNT_DIFFERS: _R(
        "Fakturaen er i Tripletex, men med et annet beløp enn fakturalinjene gir. Den sendes ikke på nytt.",
        "Sammenlign de to og rett manuelt (rabatter, avrunding og priser er vanlige årsaker).",
    ),
    Reason.INVOICE_CHANGED_AFTER_TRANSFER: _R(
        "OC2 endret fakturaen eller tok den tilbake etter at den var kommet til Tripletex; "
        "det som ligger der, står uendret.",
        "Krediter eller rett fakturaen manuelt i Tripletex.",
    ),
    Reason.INVOICE_MISSING_AT_TARGET: _R(
        "Fakturaen var bekreftet, men finnes ikke lenger i Tripletex.",
        "Finn ut hvem som fjernet den i Tripletex; be om et nytt forsøk hvis den skal sendes igjen.",
    ),
    Reason.INVOICE_TAKEN_BACK: _R("OC2 tok fakturaen ut av bunten før den ble sendt.", "Du trenger ikke gjøre noe."),
    Reason.GIVEN_UP_BY_OPERATOR: _R(
        "En operatør har oppgitt fakturaen; den er ikke i Tripletex.",
        "Rett fakturaen i OC2 hvis den skal sendes likevel.",
    ),
    Reason.TENANT_REMOVED: _R(
        "Kunden er tatt ut av integrasjonen.",
        "Ta kontakt med dem som drifter integrasjonen hvis overføringen skal fortsette.",
    ),
    Reason.UNKNOWN_TENANT: _R(
        "Meldingen gjelder en kunde som aldri er satt opp her.",
        "Ta kontakt med dem som drifter integrasjonen.",
    ),
    Reason.NOT_LIVE: _R(
        "Overføringen er ny og er ikke åpnet ennå.",
        "Ta kontakt med dem som drifter integrasjonen for å åpne den.",
    ),
    Reason.CLOSED_BY_OPERATOR: _R(
        "En operatør har stengt overføringen.",
        "Ta kontakt med dem som drifter integrasjonen; de åpner den når årsaken er borte.",
    ),
    Reason.CREDENTIALS_REFUSED: _R(
        "Systemet avviser påloggingen.",
        "Legg inn en gyldig nøkkel; overføringen fortsetter av seg selv.",
    ),
    Reason.SECRET_MISSING: _R(
        "En nøkkel som oppsettet viser til, mangler eller er tom.",
        "Legg inn nøkkelen; overføringen fortsetter av seg selv.",
    ),
    Reason.WRONG_COMPANY: _R(
        "Påloggingen hører til et annet selskap enn det som er oppgitt.",
        "Rett selskapet eller nøkkelen i oppsettet.",
    ),
    Reason.RIGHTS_MISSING: _R(
        "Påloggingen mangler en rettighet som overføringen trenger.",
        "Gi den ansatte og nøkkelen rettigheten i systemet som er nevnt; overføringen fortsetter av seg selv.",
    ),
    Reason.BANK_ACCOUNT_MISSING: _R(
        "Selskapet har ikke noe bankkontonummer på fakturakontoen i Tripletex og kan derfor ikke lage fakturaer.",
        "Legg inn bankkontonummeret i Tripletex (Selskap, Innstillinger, Faktura); "
        "overføringen fortsetter av seg selv.",
    ),
    Reason.RATE_LIMITED: _R(
        "Systemet ba om en pause.", "Du trenger ikke gjøre noe: overføringen fortsetter av seg selv."
    ),
    Reason.TARGET_DOWN: _R(
        "Mottakersystemet svarer ikke som det skal.",
        "Du trenger ikke gjøre noe: overføringen fortsetter når systemet svarer igjen.",
    ),
    Reason.SOURCE_DOWN: _R(
        "Avsendersystemet svarer ikke som det skal.",
        "Du trenger ikke gjøre noe: neste henting prøver på nytt.",
    ),
    Reason.TOO_MANY_CUSTOMERS: _R(
        "Avsender har flere kunder enn én spørring kan gi (10 000).",
        "Arkiver kunder hos avsender, eller vent på utgaven som leser etter lister av numre.",
    ),
    Reason.TOO_MANY_MISSING: _R(
        "Usannsynlig mange kunder mangler hos avsender, så ingen ble fjernet.",
        "Kontroller rettighetene og selskapet; er kundene virkelig borte, må en operatør åpne overføringen.",
    ),
    Reason.REFUSED_ALIKE: _R(
        "Mange på rad ble avvist på samme måte, noe som tyder på en innstilling og ikke på dem.",
        "Se hva avvisningene har felles, rett årsaken i mottakersystemet, og be en operatør åpne overføringen.",
    ),
}
