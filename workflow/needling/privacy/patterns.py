"""Texts that could identify a person: what they look like, alone or inside a sentence."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from itertools import islice
from types import ModuleType

import phonenumbers

# Given names common in European, American, Arabic, Indian and Chinese registers; none that is an everyday word in
# English or Spanish clinical notes (Dolores, Rosa, Mark, Grace and the like are left out on purpose).
GIVEN_NAMES = """
aaron adam adrian agnes ahmed aisha alan albert alberto alejandro alessandro alexander alexandra alfred ali alice
alicia alison amanda amelie amina amy ana anders andre andrea andreas andrew angela anil anita anna anne annie anthony
anton antonio arthur barbara beatriz benjamin bernard birgit brenda brian bridget bruno camille carl carla carlos
carmen carol caroline catherine cecilia charles charlotte chloe christian christina christine christopher claire
claude claudia colin daniel daniela david deborah denise diana diego dieter dmitri dominique donna dorothy edith
eduardo edward elena elisabeth elizabeth ella ellen emanuel emily emma enrique eric erik esther eva evelyn fatima
felipe felix fernando fiona florian frances francesca francesco francisco franz frederic friedrich gabriel gabriela
georg george gerald gerard gerhard giovanni giulia giuseppe gloria gonzalo graham gregory guillermo gustav hannah hans
harold hassan heather heidi heinz helen helena helga henri henry herbert hugo ian ibrahim ignacio igor ingrid irene
irina isabel isabella isabelle ivan jacob jacques jaime james jan jane janet jason javier jean jennifer jeremy jessica
jesus joan joanna johan johann johanna john jonas jonathan jorge jose joseph josephine juan judith julia julian julie
jurgen karen karin karl katarina katharina katherine kathleen katrin keith kenneth kevin klaus kristina krzysztof lars
laura lea lena leonard leonie lewis linda lisa louis louise lourdes lucas lucia luis luisa lukas magdalena manuel
manuela marc marcel marco margaret margarita maria marie marina mario marion marta martha martin martina mary matteo
matthew matthias mauricio melissa michael michaela michel michelle miguel mohamed mohammed monica monika muhammad
nancy natalia natalie nathalie neil nicholas nicolas nicole nikolai nina noah norbert olga oliver olivia omar oscar
otto pablo pamela patricia patrick paul paula paulo pavel pedro peter petra philip philippe pierre piotr rachel rafael
rainer raj rajesh ralf ramon raquel raul raymond rebecca renate ricardo richard robert roberto rodrigo roger roland
ronald rosemary rudolf ruth sabine samantha samuel sandra sanjay sara sarah sebastian sergei sergio sharon silvia
simon simone sofia sonia sophia sophie stefan stefano stephanie stephen steven sunita susan susanne svetlana sylvia
sylvie tatiana teresa theresa thomas timothy tomas ulrich ursula valentina valerie vanessa vera veronica victor
victoria vincent virginia vladimir walter wei werner wilhelm william wolfgang xavier yolanda yusuf yvonne zoe
"""

TITLES = (
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sr|Sra|Srta|Dra|Don|Doña|Herr|Frau|Hr|Fr|Mme|Mlle|Monsieur|Madame|Signor|Signora|"
    r"Sig|Mevr|Dhr)"
)
CAPITALISED = r"(?:Mc|Mac|[A-Z]['’])?[A-ZÀ-ÖØ-Þ](?:[a-zà-öø-ÿ'’]+|[A-ZÀ-ÖØ-Þ]+\b)(?:-[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+)?"
PEOPLE = (
    r"(?:[Pp]atient(?:in)?|[Pp]aciente|[Nn]ame|[Nn]ombre|[Hh]usband|[Ww]ife|[Ss]on|[Dd]aughter|[Mm]other|[Ff]ather|"
    r"[Tt]herapist|[Pp]hysio|[Ss]een by|[Cc]alled|[Ss]poke (?:to|with)|[Ff]isioterapeuta)"
)
# Full names in any case, abbreviations and May only with a capital: 'may', 'mar' and 'dec...' are also parts of words.
MONTHS = (
    r"(?:(?i:january|february|march|april|june|july|august|september|october|november|december|enero|febrero|marzo|abril|"
    r"mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|januar|februar|märz|juni|juli|oktober|dezember|"
    r"janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre)|"
    r"(?:Jan|Feb|Mar|Apr|May|Mai|Jun|Jul|Aug|Sept?|Oct|Okt|Nov|Dec|Dez|Ene|Abr|Ago|Dic|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|"
    r"SEP|OCT|NOV|DEC)\.?)"
)


MONTH_STARTS = (
    "(?i:jan|ene|feb|fév|mar|mär|apr|abr|avr|may|mai|jun|jui|jul|aug|ago|aoû|sep|oct|okt|nov|dec|déc|dez|dic)"
)
LETTER = "A-Za-zÀ-ÿ"
# Arrow's search knows no accents, so each letter stands for its accented forms too.
ACCENTED = {
    "a": "[aàáâãäå]",
    "e": "[eèéêë]",
    "i": "[iìíîï]",
    "o": "[oòóôõöø]",
    "u": "[uùúûü]",
    "n": "[nñ]",
    "c": "[cç]",
}
GIVEN_NAME = (
    f"(?i:(^|[^{LETTER}])("
    + "|".join("".join(ACCENTED.get(letter, letter) for letter in name) for name in re.findall(r"\w+", GIVEN_NAMES))
    + f")($|[^{LETTER}]))"
)


# Domains of countries are also words ('pain.no change'), so they count where a path follows or the whole cell is one.
COUNTRIES = (
    "de|es|fr|it|nl|be|ch|at|uk|ie|pt|pl|cz|se|no|dk|fi|gr|ru|tr|mx|br|ar|cl|co|pe|in|cn|jp|kr|au|nz|za|ca|us|io|me"
)
DOMAIN = rf"(?i)\b[a-z][\w-]{{1,63}}\.({COUNTRIES})/\w|^\s*[a-z][\w-]+(\.[\w-]+)*\.({COUNTRIES})\s*$"

# Numbers as they are grouped in the countries of Europe, America and Asia; not dates, times or lists of doses in tens.
PHONE_QUICK = r"(\d[ ()./-]{0,3}){7}\d|(?i:(tel|phone|mobile|fax|call|tlf|móvil).{0,20}\d)"
PHONE = r"""
    (?<![\w.,]) (?<!\d[/-])
    (?! (?: \d\d? [./-] )? \d\d? [./-] (?:19|20)\d\d\b | \d\d? ([./-]) \d\d? \1 \d\d[ ] | \d{4} (?:19|20)\d\d\b )
    (?! \d\d? \. \d\d [ ] | [0-3]\d [ ] [0-3]\d [ ] \d{6}\b | (?: \d\d0 [ .-] ){2} \d\d0 \b ) (?:
        (?: \+ | 00(?=[1-9]) ) \d (?: [ ()./-]{0,3} \d ){8,14}           # +44 20 7946 0958, 0044 7700 900123
      | \(? 0 \)? [ ]? [1-9] (?: [ ()./-]{0,3} \d ){7,11}               # 079 123 45 67, 06-12345678, (01632) 960123
      | \( (?!(?:19|20)\d\d\)) [1-9]\d{1,3} \) [ ./-]{0,2} \d{3} (?: [ ./-]?\d ){4,6}    # (11) 91234-5678
      | (?: 1[ .-] )? \d{3} [ .-] \d{3} [ .-] \d{3,4}                   # 415-555-1212, 612 345 678
      | (?: [78][ .-] )? \d{2,3} [ .-] \d{3} [ .-] \d{2} [ .-] \d{2}    # 532 123 45 67, 8-912-345-67-89
      | \d{2,3} [ -] \d{4,5} [ -] \d{4}                                # 138 1234 5678, 55 1234 5678, 11 91234-5678
      | [6-9]\d{4} [ -] \d{5}                                          # 98765 43210
      | [2-9]\d{2} [ /-] \d{7} | 3\d{2} [ /-] \d{6}                    # 338 1234567
      | 2[1-9]\d{2} [ -] \d{6}                                         # 2310 123456
      | \d{3} [ ] \d{2} [ ] \d{2} [ ] \d{2}                             # 612 34 56 78
      | [2-9]\d (?: [ ] \d{2} ){3}                                      # 22 12 34 56
      | [49]\d{2} [ ] \d{2} [ ] \d{3}                                   # 912 34 567
    ) (?! [\w:] | [./-]\d )
    | (?i: \b (?:tel|phone|mobile|fax|call|tlf|móvil) \w* [.:]? \s{0,3} (?:no\.?|number|on|at|nr\.?)? \s{0,2} )
      \d (?: [ ]{0,2} \d ){6,14}
"""
# Sweden and Denmark (670403-1234), Finland (030467-123A), Czechia (675403/1234), Belgium (67.04.03-123.45), Italy
# (RSSMRA80A01H501U); and those of Switzerland, Brazil and Britain, which hold no day but look like nothing else.
PERSONAL_QUICK = (
    r"\d{6}[-+A/]\d{3}|\d\.\d\d\.\d\d-\d|(?i:[A-Z]{6}\d\d[A-Z])|756\.\d{4}|\d{3}\.\d{3}-\d\d|"
    r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]"
)
MONTH, DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
PERSONAL = rf"""
    (?<![\w.,/-]) (?:
        (?:19|20)? \d\d {MONTH} {DAY} [-+] \d{{4}} | {DAY} {MONTH} \d\d - \d{{4}}
      | {DAY} {MONTH} \d\d [-+A] \d{{3}} [0-9A-Y]
      | \d\d (?: {MONTH} | 5[1-9] | 6[0-2] ) {DAY} / \d{{3,4}}
      | \d\d\.{MONTH}\.{DAY} - \d{{3}}[.]\d\d
      | [A-Za-z]{{6}} \d\d [A-EHLMPR-Ta-ehlmpr-t] [0-7]\d [A-Za-z] \d{{3}} [A-Za-z]
      | 756\.\d{{4}}\.\d{{4}}\.\d\d | \d{{3}}\.\d{{3}}\.\d{{3}}-\d\d
      | [A-CEGHJ-PR-TW-Z][A-Z] [ ]? \d\d [ ]? \d\d [ ]? \d\d [ ]? [A-D]
    ) (?! [\w] | [./-]\d )
"""
STREET_QUICK = (
    r"(?i)\d.{0,40}(street|road|avenue|lane|drive|close|court|crescent|terrace|gardens|\b(st|rd|ave|ln)\b)|"
    r"(stra(ss|ß)e|str\.|gasse|weg|platz|allee|straat|laan|gatan|vägen|vej|gade|katu) ?\d|"
    r"\b(calle|avda|avenida|plaza|paseo|rua|praça|rue|boulevard|via|viale|piazza|ulica|ul\.)[ .].*\d|"
    r"\d.{0,8}\b(rue|avenue|boulevard|place)\b|p\.? ?o\.? ?box"
)
STREET = r"""
    \b \d{1,4}[A-Za-z]?,? [ ] (?: [A-Z][\w'’-]+ [ ] ){1,3}
        (?: Street|Road|Avenue|Lane|Drive|Close|Court|Crescent|Terrace|Gardens|St|Rd|Ave|Ln ) \b
    | \b [A-ZÀ-Þ][\w-]* (?: strasse|straße|str\.|gasse|weg|platz|allee|straat|laan|gatan|vägen|vej|gade|katu )
        [ ]? \d{1,4}[a-z]? \b
    | \b [A-ZÀ-Þ][\w-]+ [ ] (?: Strasse|Straße|Str\.|Weg|Platz|Allee ) [ ] \d{1,4}[a-z]? \b
    | \b (?i: calle|avda\.?|avenida|plaza|paseo|rua|praça|rue|boulevard|via|viale|piazza|ulica|ul\. ) [ ]
        (?: (?: de|del|la|las|los|des|du|da|dos|d[’'] ) [ ]? )* [A-ZÀ-Þ][\w’'-]+ (?: [ ] [\w’'-]+ ){0,3}
        ,? [ ] (?: n[º°.]? [ ]? )? \d{1,4} \b
    | \b \d{1,4} (?: [ ] (?:bis|ter) )? ,? [ ] (?i: rue|avenue|boulevard|place ) [ ] (?: de|du|des|d[’'] | [A-ZÀ-Þ] )
    | (?i: \b p\.? [ ]? o\.? [ ]? box [ ]? \d )
"""
# A year before 2000 beside a word of birth, and days written out.
BORN_QUICK = (
    r"(?i)(born|birth|dob|b\.|geb|jahrgang|nacid|nacim|né|nat[oa]|nascid|year of).{0,20}\d{2}|"
    r"(st|nd|rd|th|first|second|third) (of )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|"
    r"(jan|ene|gen|feb|fév|fev|mar|mär|maart|apr|abr|avr|may|mai|mag|mei|jun|juin|giu|jul|juil|lug|aug|ago|aoû|"
    r"sep|set|oct|okt|out|ott|nov|dec|déc|dez|dic)\w*\.?,? (de |del )?\d{4}"
)
BORN_IN = (
    r"(?i:\b(?:born|birth|dob|b\.|geb\.?|geboren|jahrgang|nacid[oa]|nacimiento|née?|nat[oa]|nascid[oa]|year of birth)\b"
    r"[^\d]{0,20}(?:19|20)\d\d\b)"
    r"|(?i:\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w+teenth|twentieth|"
    r"twenty-\w+|thirtieth|thirty-first|\d{1,2}(?:st|nd|rd|th)) (?:of )?)(?:(?i:january|february|april|june|july|august|"
    r"september|october|november|december)|[Mm]arch|May)\b"
    rf"|\b(?:{MONTHS}|(?i:gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre|"
    r"januari|februari|maart|mei|augustus|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|dezembro))"
    r",? (?:de |del )?(?:19|20)\d\d\b"
)
# Britain: areas of the post, a district, and a unit without C, I, K, M, O, V; Canada: letters and digits in turn.
AREAS = (
    "A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]|L[ADELNSU]?|"
    "M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE"
)
POSTCODE = (
    rf"(?<![\w.,/-])(?:(?i:^\s*(?:{AREAS})\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{{2}}\s*$)"
    rf"|(?:{AREAS})\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{{2}}|[A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z] ?\d[A-CEGHJ-NPR-TV-Z]\d)(?![\w-])"
)


# Characters that are searched at once, and those that two pieces share: longer than any identifier.
PIECE, OVERLAP = 2000, 200


@dataclass(frozen=True)
class Pattern:
    """One kind of identifier.

    `quick` is a regular expression that Arrow (RE2) can search in millions of cells; `exact` decides on what it found,
    and `valid` on the text that `exact` matched (a check digit). Both must also be valid for Python.
    """

    kind: str
    why: str
    quick: str
    exact: re.Pattern[str] | None = None
    valid: Callable[[str], bool] | None = None

    def found(self, text: str) -> bool:
        """Tell whether a text holds the identifier; a long one is searched piece by piece, so that time grows with its length."""
        if len(text) > PIECE:
            return any(self.found(text[start : start + PIECE]) for start in range(0, len(text), PIECE - OVERLAP))
        if self.exact is None:
            return bool(re.search(self.quick, text))
        return any(self.valid is None or self.valid(match.group()) for match in self.exact.finditer(text))


def digits_of(text: str) -> list[int]:
    """Digits of a text, in order."""
    return [int(character) for character in text if character.isdecimal()]


def luhn(text: str) -> bool:
    """Check a card number (ISO/IEC 7812-1, annex B): every second digit from the right doubled, the sum ends in 0."""
    digits = digits_of(text)
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


def nhs_number(text: str) -> bool:
    """Check an NHS number: weights 10 to 2 on nine digits, eleven minus the remainder by eleven is the tenth."""
    digits = digits_of(text)
    check = 11 - sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=False)) % 11
    return len(digits) == 10 and len(set(digits)) > 1 and check % 11 == digits[9]


def ip_address(text: str) -> bool:
    """Tell an IP address from a numbered heading such as 3.1.2.4: no part above 255, and not all of them short."""
    return all(int(part) < 256 for part in text.split(".")) and (len(digits_of(text)) > 6 or text.startswith("10."))


def phone_number(text: str) -> bool:
    """Tell a phone number that begins with 0 from a list of small numbers: pairs of digits are five, with one separator."""
    groups = re.findall(r"\d+", text)
    if text.startswith("00") and len({len(group) for group in groups}) == 1 < len(groups):
        return False
    if not text.startswith(("0", "(0")) or max(map(len, groups)) > 2:
        return True
    return len(groups) == 5 and len(set(re.findall(r"[ ./-]+", text))) == 1


def iban(text: str) -> bool:
    """Check a bank account (ISO 13616): the first four characters moved to the end, letters as 10 to 35, modulo 97 is 1."""
    text = text.replace(" ", "")
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def dni(text: str) -> bool:
    """Check a Spanish identity number: the letter is the place of the number modulo 23; X, Y, Z stand for 0, 1, 2."""
    text = re.sub(r"[^0-9A-Z]", "", text.upper())
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:-1].translate(str.maketrans("XYZ", "012"))) % 23] == text[-1]


# Numbers of persons that carry a check digit (modules of python-stdnum by country).
REGISTERS = re.findall(
    r"\S+",
    "ar.cuit at.vnr be.nn bg.egn br.cpf ca.sin ch.ssn cl.rut cn.ric co.nit cz.rc de.idnr dk.cpr do.cedula ec.ci ee.ik es.dni "
    "es.nie fi.hetu fr.nir gb.nhs gr.amka hr.oib ie.pps il.idnr in_.aadhaar is_.kennitala it.codicefiscale kr.rrn lt.asmens "
    "mx.curp my.nric nl.bsn no.fodselsnummer pe.cui pl.pesel pt.cc ro.cnp se.personnummer si.emso sk.rc th.pin tr.tckimlik "
    "tw.ubn uy.rut za.idnr",
)
# Letters and digits as they stand in such a number, alone or in groups.
GROUPS = re.compile(r"(?<![\w.,/+-])\w{1,11}(?:[ ./-]\w{1,9}){0,4}(?![\w./-])")
# Countries in which a number that begins with 0 or a bracket is looked up; +49 and 0049 say theirs themselves.
DIALLED = re.findall(
    r"\w+", "GB DE FR CH AT NL BE IT ES PT IE SE FI AU NZ ZA IN JP KR IL TR BR AR MX PL CN EG NG KE PK TH VN PH ID MY"
)
DIAL = re.compile(
    r"(?<![\w.,/-])(?<!\d )(?!0?\d[ ./-] ?\d\d?[ ./-] ?(?:(?:19|20)?\d\d)(?!\d|[ .-]?\d\d))(?!0?\d([./-])\d\d?\1(?:19|20)?\d\d\b)"
    r"(?:\+|00(?=[1-9])|\(0|0(?=[1-9])|\((?=\d\d))[\d ()./-]{7,20}\d(?![\w:]|[./-]\d)"
)


@cache
def _register(name: str) -> ModuleType:
    return import_module(f"stdnum.{name}")


def register_number(text: str) -> bool:
    """Tell a person's number as its country writes it, with a right check digit: 850101-1237, 12.345.678-5."""
    digits = digits_of(text)
    if not 8 <= len(text) <= 20 or len(digits) < 5 or text.isdigit():
        return False
    return any(_register(name).is_valid(text) for name in _written_so(shape(text)))


def shape(text: str) -> str:
    """Put 0 for every digit and A for every letter."""
    return re.sub("[^\\W\\d_]", "A", re.sub(r"\d", "0", text))


@lru_cache(maxsize=10_000)
def _written_so(shape: str) -> list[str]:
    """List the registers whose numbers are written in this shape, which says nothing of their check digits."""
    found = []
    for name in REGISTERS:
        module = _register(name)
        try:
            alike = module.format(shape) == shape if hasattr(module, "format") else shape.isalnum()
        except ValueError:
            alike = False
        if alike:
            found.append(name)
    return found


def country_number(texts: Iterable[str]) -> str:
    """Say which country's number of persons most of at least five different codes are; '' where they are none's.

    A number whose check digit may be left out proves nothing: with another digit it would be as valid.
    """
    codes = [text for text in texts if 8 <= len(text) <= 20 and len(digits_of(text)) >= 5]
    for name in REGISTERS if len(codes) >= 5 else ():
        register = _register(name)
        if _most_are_valid(register, codes) and not _most_are_valid(register, list(map(_with_another_digit, codes))):
            country, _, number = name.partition(".")
            return f"numbers of persons of {country.strip('_').upper()} ({number})"
    return ""


def _with_another_digit(code: str) -> str:
    at = max(place for place, character in enumerate(code) if character.isdecimal())
    return f"{code[:at]}{(int(code[at]) + 1) % 10}{code[at + 1 :]}"


def _most_are_valid(register: ModuleType, codes: list[str]) -> bool:
    others = (code for code in codes if not register.is_valid(code))
    return sum(1 for _ in islice(others, (len(codes) + 1) // 2)) < len(codes) / 2


def dialled(text: str) -> bool:
    """Tell a phone number by the numbering plan of its country, or of one of some countries where it names none."""
    groups = [len(group) for group in re.findall(r"\d+", text)]
    lists = text.startswith("0") and (max(groups) < 3 or (len(groups) > 1 and len(set(groups)) == 1))
    if not 8 <= sum(groups) <= 15 or lists:
        return False
    home = [None] if text.startswith("+") else DIALLED
    if text.startswith("00"):
        text, home = f"+{text[2:]}", [None]
    for country in home:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, country)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def given_name(text: str) -> bool:
    """Tell whether one of the words is a common given name."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return not _GIVEN.isdisjoint(re.findall(r"[a-z]+", plain))


_GIVEN = frozenset(re.findall(r"\w+", GIVEN_NAMES))

PATTERNS = [
    Pattern("e-mail", "an e-mail address", r"[\w.+-] ?(@|\(at\)|\[at\]) ?[\w-]+\.\w{2,}"),
    Pattern(
        "web address",
        "a web address",
        r"(?i)(https?://|ftp://|www\.)\w|\b\w+\.(com|org|net|edu|gov|info|biz|eu)\b|\w\.(co|ac|org|com)\.[a-z]{2}\b",
    ),
    Pattern("web domain", "a web address of a country", DOMAIN),
    Pattern(
        "IP address",
        "an IP address",
        r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
        re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"),
        ip_address,
    ),
    Pattern("phone number", "a phone number", PHONE_QUICK, re.compile(PHONE, re.VERBOSE), phone_number),
    Pattern("phone number", "a phone number", r"(\+|\(|0)[\d ()./-]{7,}\d", DIAL, dialled),
    Pattern("identity number", "a number of persons with its check digit", r"(\d\D{0,3}){5}", GROUPS, register_number),
    Pattern(
        "place",
        "a place by its coordinates",
        r"\d{1,2}\.\d{4,}°? ?[NSns]?[,; ] ?-?\d{1,3}\.\d{4,}|\d{1,3}° ?\d{1,2}['’′]",
        re.compile(
            r"(?<![\d.])-?[1-8]?\d\.\d{4,}°? ?[NSns]?[,; ] ?-?1?\d?\d\.\d{4,}(?!\d)|\d{1,3}° ?\d{1,2}['’′] ?\d{1,2}.{0,6}[NSEWO]\b"
        ),
    ),
    Pattern("address", "a street with the number of a house", STREET_QUICK, re.compile(STREET, re.VERBOSE)),
    Pattern("date", "a day or year of birth", BORN_QUICK, re.compile(BORN_IN)),
    Pattern("social security number", "a social security number", r"\b\d{3}-\d{2}-\d{4}\b"),
    Pattern(
        "card number",
        "a number with the check digit of a payment card",
        r"\d[ -]?(\d[ -]?){11,17}\d",
        re.compile(r"(?<![\d.,])\d(?:[ -]?\d){12,18}(?![\d.,]*\d)"),
        luhn,
    ),
    Pattern(
        "health service number",
        "a number with the check digit of an NHS number",
        r"\d{3}[ -]?\d{3}[ -]?\d{4}",
        re.compile(r"(?<![\d.,])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\d.,]*\d)"),
        nhs_number,
    ),
    Pattern(
        "bank account",
        "a bank account with a valid check number",
        r"[A-Z]{2}\d{2}[ ]?[A-Z0-9]{4}",
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        iban,
    ),
    Pattern(
        "identity number",
        "a number with the check letter of a Spanish identity card",
        r"\d{7}[ -]?[A-Za-z]\b",
        re.compile(r"\b(?:\d{8}|[XYZxyz]-?\d{7})[ -]?[A-Za-z]\b"),
        dni,
    ),
    Pattern(
        "identity number",
        "a personal number with a day of birth in it",
        PERSONAL_QUICK,
        re.compile(PERSONAL, re.VERBOSE),
    ),
    Pattern("address", "a postcode", r"(?i)[A-Z]\d[A-Z\d]? ?\d[A-Z]", re.compile(POSTCODE)),
    Pattern(
        "record number",
        "a record number",
        r"(?i)(mrn|nhc|record|hospital|chart|nhs|case|file|insurance|policy|historia).*\d{3}",
        re.compile(
            r"\b(?:mrn|nhc|(?:medical record|record|hospital|chart|nhs|case|file|insurance|policy|historia(?: cl[ií]nica)?)"
            r"\s{0,2}(?:no\b\.?|nr\b\.?|n[ºo°]\.?|number|num\b\.?|id\b|#))\s{0,2}[:#.]?\s{0,2}(?:is )?[A-Z]{0,3}-?\d{3,}",
            re.IGNORECASE,
        ),
    ),
    Pattern(
        "long number",
        "a number of nine or more digits",
        r"\d{9}",
        re.compile(r"(?<![\d.,])\d{9,}(?![\d.,]*\d)"),
        lambda text: len(set(text)) > 1,
    ),
    Pattern(
        "date",
        "a date",
        r"\d{1,4}[-./] ?\d{1,2}[-./] ?\d{2,4}|\d{8}|"
        rf"\d(st|nd|rd|th)?[ .-]{{1,2}}(de |of )?{MONTH_STARTS}|{MONTH_STARTS}[{LETTER}]*\.? \d",
        re.compile(
            r"(?<![\d.,/-])(?:\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
            r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d{2}"
            r"|(?:0?[1-9]|[12]\d|3[01])([/-])(?:0?[1-9]|[12]\d|3[01])\1\d{2}"
            r"|(?<![A-Za-z])(?:0?[1-9]|[12]\d|3[01])\. ?(?:0?[1-9]|1[0-2])\. ?(?:(?:19|20)\d{2}|\d{2}(?!\.\d))"
            r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d|[/-](?!\d{1,4}[./-]\d))"
            rf"|\b(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[ .-]{{1,2}}(?:de |of )?{MONTHS}(?![A-Za-zà-ÿ])"
            rf"|\b{MONTHS} (?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\b",
        ),
    ),
    Pattern(
        "name",
        "a title with a name",
        rf"\b{TITLES}\.? [A-ZÀ-Þ]",
        re.compile(rf"\b(?!Don Joy\b){TITLES}\.? {CAPITALISED}"),
    ),
    Pattern(
        "name",
        "what looks like a given name and a surname",
        GIVEN_NAME,
        re.compile(rf"\b{CAPITALISED}(?:\s+[A-Z]\.)?\s+(?:(?:de|del|de la|van|von|da|di|el|al|bin)\s+)?{CAPITALISED}"),
        given_name,
    ),
    Pattern(
        "name",
        "what looks like a surname and a given name",
        GIVEN_NAME,
        re.compile(rf"\b{CAPITALISED}, ?{CAPITALISED}"),
        lambda text: given_name(text.split(",")[1].strip()),
    ),
    Pattern(
        "name",
        "what looks like the name of a person",
        r"(?i)(patient|paciente|name|nombre|husband|wife|son|daughter|mother|father|therapist|physio|seen by|called|spoke)",
        re.compile(rf"\b{PEOPLE}:? (?:is |was )?{CAPITALISED} {CAPITALISED}"),
    ),
]
