"""What a column's name, its label and the dictionary say of it: whether it looks like an identifier of people."""

import re
import unicodedata
from functools import cache

from needling.read.raw import Variable

# Words in a column's name or label that speak of an identifier: searched in the plain words of the text (lower case,
# without accents, 'phone1' and 'NHSNo' cut into 'phone 1' and 'nhs no'). A phrase needs all its words beside each other.
PERSON = (
    "pt|pat|patients?|patienten|participant|subject|client|person|proband|therapist|physio|physician|doctor|dr|gp|nurse|"
    "clinician|practitioner|examiner|assessor|investigator|interviewer|contact|mother|father|parent|partner|spouse|child|carer|"
    "caregiver|next of kin|first|last|middle|maiden|given|full|family|birth|sur|fore|nick|user"
)
NUMBER = "(?:no|nr|num|number|nummer|id)"
BIRTH = (
    r"\w{0,3}dob|date ?(?:of)? ?birth|birth ?(?:date|dt|day|year)|bday|(?:day|month|year) of birth|yob|brth ?dtc?|"
    r"geb ?dat\w*|geburts ?(?:dat|datum|tag|jahr)|nacimiento|f(?:ec|echa)? ?nac|naissance|date naiss\w*|nascita|nascimento|"
    r"geboorte ?(?:datum|jaar|dag)?|fodelse\w*|fodsels\w*|syntyma\w*|urodzenia|narozeni|dogum tarihi"
)
NAMES: dict[str, str] = {
    "name": rf"(?:{PERSON}) ?names?|names? of (?:the )?(?:{PERSON})|^name (?:{PERSON})|[fl] ?name|^names?(?: \d+)?$|"
    r"^(?:nom|nome|naam|navn|namn|imie)$|nombres?|apellidos?|vorname|nachname|familienname|prenoms?|nom de famille|cognome|"
    "apelido|sobrenome|voornaam|achternaam|fornamn|efternamn|fornavn|etternavn|efternavn|nazwisko|initials|iniciales|initialen|"
    "next of kin|signature|firma|unterschrift",
    "e-mail": "e ?mail(?:s|address|adresse)?|mail|correo|courriel",
    "phone number": rf"(?:tele|cell|home|work|mobile)?phones?{NUMBER}?|telefon\w*|tel|tlf|movil|fax|handy(?:nummer)?|"
    rf"^mobile(?: \d+)?$|mobile ?(?:{NUMBER}|tel)|(?:patient|pt|home|private|contact) mobile|mobilnummer|rufnummer|whatsapp",
    "address": r"(?:street|home|mailing|postal)?address(?:es)?|street(?! drugs?\b)|direccion|domicilio|calle|(?:post)?adresse|"
    r"indirizzo|\w*strasse|post ?codes?|postal ?code|postleitzahl|zip ?(?:code)?|plz|city|town|ciudad|municipio|wohnort|county|"
    "codigo postal|code postal|place of birth|birth ?place|lugar de nacimiento|geburtsort",
    "identity number": rf"ssn|social ?security|nhs ?{NUMBER}|mrn|medical ?record|passport ?{NUMBER}?|pasaporte|dni|nif|"
    rf"^nie(?: \d+)?$|nie (?:{NUMBER}|numero)|driver licence|driver license|license plate|licence plate|vehicle|"
    rf"(?:insurance|policy|account|chart|hospital|cpr|ahv) ?{NUMBER}|national insurance|health card|iban|bank account|"
    r"historia clinica|nhc|versichertennummer|\w*versicherungs?nummer|bsn|national id|serial number|personnummer|personnr|"
    "fodselsnummer|codice fiscale|pesel|cpf|curp",
    "date": BIRTH + "|date of death|death date",
    "web address": "url|website|web site|facebook|twitter|instagram|ip ?address",
    "picture": "photo|photograph|foto|selfie|fingerprint|voice recording",
}
# A column that is mapped as a date is expected, but not a date of birth: its study day tells the exact age.
BORN = BIRTH + r"|births?|born|geb|geboren|geburts?|nac|nasc|naiss"
# Letters that do not come apart into a plain letter and an accent.
PLAIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
VALIDATIONS = {
    "email": "e-mail",
    "phone": "phone number",
    "phone_australia": "phone number",
    "phone_uk": "phone number",
    "ssn": "identity number",
    "mrn_10d": "identity number",
    "mrn_generic": "identity number",
    "zipcode": "address",
    "postalcode_australia": "address",
    "postalcode_canada": "address",
    "postalcode_french": "address",
    "postalcode_germany": "address",
    "postalcode_uk": "address",
}


def looks_like(name: str, variable: Variable) -> str:
    """Say what kind of identifier a column is likely to hold, judging by its description alone.

    Parameters
    ----------
    name : of the column in the export.
    variable : what the dictionary says about it.

    Returns
    -------
    A kind such as 'name', 'e-mail', 'date', 'identity number', 'free text'; '' where nothing speaks for one.
    """
    if variable.identifier:
        return "identifier"
    if variable.validation in VALIDATIONS:
        return VALIDATIONS[variable.validation]
    if variable.kind in {"file", "signature"}:
        return "file"
    if variable.kind == "notes":
        return "free text"
    return next(
        (kind for text in (name, variable.label) for kind, phrases in NAMES.items() if speaks_of(text, phrases)), ""
    )


def speaks_of(text: str, phrases: str) -> bool:
    """Tell whether the plain words of a text hold one of the phrases."""
    return bool(re.search(rf"\b(?:{phrases})\b", _plain_words(text)))


@cache
def _plain_words(text: str) -> str:
    cut = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)
    plain = unicodedata.normalize("NFKD", cut.casefold().translate(PLAIN)).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", plain))
