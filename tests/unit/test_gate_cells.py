"""Cells in which the gate knows an identifier, in whatever country, and ordinary cells that it lets pass."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from made_exports import declared, export, kinds

from needling.privacy import patterns
from needling.privacy.gate import scan, stop_on_identifiers
from needling.privacy.patterns import PATTERNS
from needling.study.keys import StudyError

IDENTIFIERS = [
    ("write to jane.doe@clinic.org", "e-mail"),
    ("jane(at)clinic.org", "e-mail"),
    ("see www.example.org/me", "web address"),
    ("https://x.y/z", "web address"),
    ("from 192.168.10.7", "IP address"),
    ("(415) 555-1212", "phone number"),
    ("+44 20 7946 0958", "phone number"),
    ("call 5550123", "phone number"),
    ("telephone no. 5550123", "phone number"),
    ("called on 5550123", "phone number"),
    ("0151/2345678", "phone number"),
    ("01 23 45 67 89", "phone number"),
    ("record id: 4567", "record number"),
    ("612 34 56 78 en casa", "phone number"),
    ("07700 900123", "phone number"),
    ("123-45-6789", "social security number"),
    ("4111 1111 1111 1111", "card number"),
    ("943 476 5919", "health service number"),
    ("9434765919", "health service number"),
    ("GB82 WEST 1234 5698 7654 32", "bank account"),
    ("12345678Z", "identity number"),
    ("MRN 0012345", "record number"),
    ("hospital number: 88123", "record number"),
    ("NHC 4567", "record number"),
    ("987654321", "long number"),
    ("seen on 2024-03-05", "date"),
    ("seen 05/03/2024 again", "date"),
    ("3 March", "date"),
    ("since Sept 3rd", "date"),
    ("el 3 de mayo", "date"),
    ("20240305", "date"),
    ("Mrs Smith was late", "name"),
    ("Dr. O'Leary", "name"),
    ("Maria Gonzalez cancelled", "name"),
    ("Seen Maria Gonzalez again", "name"),
    ("Gonzalez Maria", "name"),
    ("O'Leary, Neil", "name"),
    ("JOHN SMITH", "name"),
    ("patient Xochitl Quetzal", "name"),
    ("seen by Quentin Tarrant", "name"),
    ("03.04.67", "date"),
    ("born 3.4.67 at home", "date"),
    ("3. 4. 1967", "date"),
    ("01/02/2023-03/04/2023", "date"),
    ("670403-1234", "identity number"),
    ("030467-1234", "identity number"),
    ("030467-123A", "identity number"),
    ("675403/1234", "identity number"),
    ("67.04.03-123.45", "identity number"),
    ("RSSMRA80A01H501U", "identity number"),
    ("756.1234.5678.97", "identity number"),
    ("123.456.789-09", "identity number"),
    ("AB 12 34 56 C", "identity number"),
    ("SW1A 1AA", "address"),
    ("sw1a1aa", "address"),
    ("moved to EC1A 1BB", "address"),
    ("K1A 0B1", "address"),
    ("jane@praxis.de", "e-mail"),
    ("clinic.co.uk", "web address"),
    ("see clinic.info", "web address"),
    ("praxis-jena.de", "web domain"),
    ("see praxis-jena.de/termin", "web domain"),
    ("51.5074, -0.1278", "place"),
    ("52.52000 N 13.40500 E", "place"),
    ("moved to 12 High Street", "address"),
    ("Hauptstraße 5", "address"),
    ("calle de las Flores 12", "address"),
    ("12 bis rue de la Paix", "address"),
    ("Kerkstraat 7a", "address"),
    ("born in 1967", "date"),
    ("née en 1956", "date"),
    ("third of March nineteen sixty-seven", "date"),
    ("March 1967", "date"),
    ("since dicembre 1998", "date"),
    ("+254 712 345678", "phone number"),
    ("12.345.678-5", "identity number"),
]


PHONES = {
    "Argentina": ["011 4123-4567", "11 4123-4567"],
    "Australia": ["0412 345 678", "(02) 9876 5432"],
    "Austria": ["0664 1234567", "+43 664 1234567"],
    "Belgium": ["0470 12 34 56", "02 123 45 67"],
    "Brazil": ["(11) 91234-5678", "11 91234-5678"],
    "Britain": ["(01632) 960123", "01632 960123", "020 7946 0958", "0044 7700 900123", "+44 (0)20 7946 0958"],
    "China": ["138 1234 5678", "+86 138 1234 5678"],
    "Denmark": ["22 12 34 56", "+45 22 12 34 56"],
    "Finland": ["040 1234567", "040-123 4567"],
    "France": ["06-12-34-56-78", "06 12 34 56 78", "06.12.34.56.78", "+33 (0)6 12 34 56 78"],
    "Germany": ["0151/2345678", "030 / 123 45 67", "0421 12345-0", "+49 (0)30 1234567"],
    "Greece": ["694 123 4567", "2310 123456", "210 1234567"],
    "India": ["98765 43210", "+91 98765-43210"],
    "Israel": ["054-123-4567"],
    "Italy": ["338 1234567", "333 123 4567", "06 1234 5678"],
    "Japan": ["090-1234-5678"],
    "Mexico": ["55 1234 5678", "(55) 1234 5678"],
    "Netherlands": ["06-12345678", "020-1234567", "+31 6 12345678"],
    "Norway": ["912 34 567", "23 12 34 56"],
    "Poland": ["22 123 45 67", "601 234 567"],
    "Portugal": ["912 345 678", "21 123 45 67"],
    "Russia": ["8 (912) 345-67-89", "8-912-345-67-89", "+7 912 345-67-89"],
    "Spain": ["612 34 56 78", "91 123 45 67", "+34 612345678"],
    "Sweden": ["070-123 45 67", "08-123 456 78"],
    "Switzerland": ["079 123 45 67", "044 668 18 00", "079/123 45 67"],
    "Turkey": ["0532 123 45 67", "532 123 45 67"],
    "United States": ["415-555-1212", "415.555.1212", "415-5551212", "1-800-555-1212", "+1 415.555.1212"],
}


@pytest.mark.parametrize(("text", "kind"), IDENTIFIERS)
def test_identifiers_in_cells_are_found_and_not_printed(text, kind):
    raw = export({"pain": ["3", "4", "5"], "note": ["fine", text, None]})
    found = scan(raw, declared(raw))
    assert kind in set(found["kind"])
    assert set(found["line"]) == {3}
    assert set(found["file"]) == {"records.csv"}
    with pytest.raises(StudyError) as told:
        stop_on_identifiers(raw, declared(raw))
    message = str(told.value)
    assert "records.csv, column 'note', line 3" in message
    assert text not in message
    assert "what it does not name is not read" in message
    assert "privacy.reviewed" in message


@pytest.mark.parametrize(
    "text",
    [
        *(
            "7/10",
            "6-7",
            "<1",
            "15.33333",
            "9,081818182",
            "#¡DIV/0!",
            "-99",
            "100-200",
            "2.5 kg",
            "3 x 10",
            "1/2",
            "0.25 x 40 mm",
        ),
        *("upper trapezius", "Upper Trapezius", "Infraspinatus, Deltoid", "Final del tratamiento", "3-4-5"),
        *(
            "Derecha, Izquierda",
            "Dolor Muscular, Fatiga/Cansancio",
            "may 10 more",
            "2 decided",
            "marked 5",
            "session 3 of 8",
        ),
        *(
            "baseline_arm_1",
            "week 4",
            "Moderada, presente casi siempre",
            "T19",
            "clinic_01",
            "C01-0001",
            "v1.2.3",
            "Grade 2b",
        ),
        *("Achilles Tendon", "Rectus Femoris", "Sham Needling", "e.g. rest", "12:36", "1e-05", "2024", "6390622"),
        *(
            "0.30x40 mm",
            "0.25*40",
            "0,30 x 40",
            "30 N",
            "450 kPa",
            "4.5 kg/cm2",
            "36.6 C",
            "pH 7.4",
            "50 Hz, 200 us",
            "90 min",
        ),
        *(
            "120/80 mmHg",
            "0-0-140",
            "10-0-120",
            "180/0/60",
            "5/7 days",
            "MRC 4+/5",
            "3x15 reps",
            "10 12 15 12",
            "8-12 x 3",
        ),
        *(
            "100 - 200",
            "4.5-6.0",
            "95% CI 1.2 to 3.4",
            "-0.45 (-1.20, 0.31)",
            "45 (12.3)",
            "1 234 567",
            "1.234,5",
            "+5 to +10",
        ),
        *(
            "3 2 1 4 5 6 7 8",
            "0 0 0 1 0 1",
            "10.5 12.5 11.0",
            "1-2-3-4-5",
            "45 50 48",
            "12 (2019) 345",
            "2019-2021",
            "Q3 2021",
        ),
        *(
            "P-001",
            "C01-0003",
            "C01-0001-02",
            "001-0003",
            "0001-01",
            "00012-00034",
            "site 03 pt 0012",
            "007",
            "A1B2",
            "visit 3",
        ),
        *(
            "NCT01234567",
            "2019-001234-56",
            "ISRCTN12345678",
            "DRKS00012345",
            "U1111-1234-5678",
            "3.1.2.4",
            "5.0.1",
            "v 2.10.3",
        ),
        *(
            "M79.18",
            "G43.909",
            "S86.0",
            "L4-L5",
            "C5/C6",
            "S1 radiculopathy",
            "L4 5MG",
            "B12 5MG",
            "T1 2mm",
            "3.0T MRI",
        ),
        *("ibuprofen 400 mg", "Paracetamol 500mg 1-1-1", "gabapentin 300-300-600", "diclofenac 75mg/3ml", "D3 2000 IU"),
        *(
            "08:00-09:30",
            "08:00 - 09:30",
            "00:12:30",
            "1h 30",
            "12-24 h",
            "pain.No change",
            "better.in the evening",
            "F/M",
        ),
        *(
            "Don Joy brace",
            "Nr. 7",
            "item 12",
            "p.ej. en casa",
            "1'234",
            "p<0.001",
            "24/7",
            "2 x 0.25 x 40",
            "-10 to 120",
        ),
    ],
)
def test_ordinary_cells_pass(text):
    assert kinds(export({"pain": ["3", "4"], "note": [text, None]})) == set()


CLINICAL = """
ACR 1990 criteria
born in hospital
stable since 2 weeks
pain on Monday and Friday
2 weeks after baseline
since 1998
Wolfe 1990
in way of recovery
VAS 45 mm, NPRS 6
10 min walk
12 Court sports per year
plays at 3 courts
walks 5 km, drives 20 km
L5/S1 disc, 3 mm
C5-C6-C7
0.25 x 0.25
0 1 2 3 4 5 6 7 8 9
0/1/0/2/0/1/1/0
(0) none
(0) 1 2 3
0-10
0-5-10-15-20-25
00-12-24
3 Second hold
first of three sessions
third of the group
the second may help
march in place 10 x
marching 20 steps
12 place holds
via stairs 3
left via 2 needles
rue
Plaza 2 exercise
drive 20 min
close to 10
terrace work 3 h
garden work 2 h
5 Close-grip presses
3 Lane swims
90° 15' flexion
45° flexion, 30° abduction
36.6, 37.2
36.65, 37.251
0.123, 0.456
12.345 67.891
1.234, 5.678 kPa
100.25; 101.75
Trapezius upper fibres
Gluteus medius and minimus
Dry needling plus exercise
Usual care
Sham needling (blunt)
no adverse event
mild bleeding
soreness < 24 h
felt dizzy after needling
sleeps 6-7 h
works 40 h/week
BMI 24.5, weight 70 kg
RR 120/80, pulse 72
SpO2 98 %
NDI 24/50
Grade III whiplash
WAD II
12/24
ASA 2
HbA1c 5.6 %
mai 2
dec 3 cm
jan
St. John's wort
Dr. says rest
Fr 14
Hr 72
Sig. improved
Don Juan
100 200 300
1000-2000-3000
2 x 2 x 2
T10-T12
0800-1200
08001200
001 002 003 004
0123
0555
12 34
p = 0.03, n = 120
t(58) = 2.31
CI 1.2, 3.4
ODI 2.1a
right > left
bilateral
on/off
twice daily
Q2 2022
10/10/10
5-5-5-5
7 of 10 days
visit 2 of 5, 3 left
"""


def test_clinical_phrases_give_hardly_a_false_alarm():
    phrases = CLINICAL.strip().split("\n")
    assert len(phrases) == 100
    assert [text for text in phrases if kinds(export({"note": [text]}))] == ["Don Juan", "10/10/10"]


@pytest.mark.parametrize("country", PHONES)
def test_phone_numbers_as_they_are_written_in_each_country(country):
    for phone in PHONES[country]:
        for text in (phone, f"tel.:{phone}", f"on 05/03/2024 {phone} before 3 pm", f"at 08.30 {phone}, again at 10.30"):
            assert ("column 'note'", "phone number") in kinds(export({"note": [text]})), text


@pytest.mark.parametrize(
    "text",
    [
        *("2024-03-05", "05/03/2024", "05-03-2024 14:30", "05.03.2024 10:30", "01.02.23 14.30", "03-05-24 120/80"),
        *(
            "01/02/2023 - 03/04/2023",
            "01.02.2023-03.04.2023",
            "2024-03-05/2024-04-06",
            "2024-03-05T07:15:00",
            "20240305",
        ),
        *("05 Mar 2024", "3.4.67", "3. 4. 1967", "01022024 1030", "2024-03-05 071500"),
        *("2024 03 05 071500", "05 03 2024", "export 2024-03-05 1430"),
    ],
)
def test_dates_are_no_phone_numbers(text):
    assert {kind for _, kind in kinds(export({"note": [text]}))} <= {"date"}


def test_the_same_is_found_among_many_cells():
    """From some hundreds of texts on, another search goes first: it must let through all that the exact one finds."""
    many = [f"word {n}" for n in range(600)]
    texts = [
        "Mrs Smith",
        "el 3 de mayo",
        "jane(at)x.org",
        "call 5550123",
        "Müller, Jürgen",
        "Émile Zola, patient Émile Zola",
    ]
    for text in texts:
        assert kinds(export({"note": [text, *many]})) == kinds(export({"note": [text]})) != set()
    for text in [text for text, _ in IDENTIFIERS] + [phone for phones in PHONES.values() for phone in phones]:
        for pattern in PATTERNS:
            quick = pc.match_substring_regex(pa.array([text]), pattern.quick)[0].as_py()
            assert quick or not pattern.found(text), (pattern.why, text)


@pytest.mark.parametrize("name", patterns.REGISTERS)
def test_how_a_country_writes_its_number_depends_on_where_digits_and_letters_stand_alone(name):
    register = patterns._register(name)
    if not hasattr(register, "format"):
        pytest.skip("numbers without signs between their digits")
    rng = np.random.default_rng(7)
    for _ in range(300):
        text = "".join(rng.choice(list("0123456789" * 3 + "AKXZ"), rng.integers(8, 15)))
        own = register.format(text) if rng.random() < 0.7 else "-".join((text[:6], text[6:]))
        shape = patterns.shape(own)
        assert (register.format(own) == own) == (name in patterns._written_so(shape)), own


@pytest.mark.parametrize(("others", "kind"), [(2, "numbers of persons of AR (cuit)"), (3, "")])
def test_more_than_half_of_the_codes_make_a_register(others, kind):
    assert (
        patterns.country_number(["20-05536168-2", "20-26756539-3", "27-12345678-0", *["20-05536168-3"] * others])
        == kind
    )


@pytest.mark.parametrize("code", ["M.S. 12.03.1967", "1967-03-12/4", "K 1/12/1949"])
def test_a_day_of_birth_in_a_code_is_found_and_a_day_of_enrolment_is_not(code):
    others = ["B-02", "2024-03-12/1", "B-04", "12.03.2024-2", "19.45.1967"]
    for codes, kind in (([code, *others], {("column 'id'", "date")}), (others, set())):
        assert kinds(export({"id": codes, "pain": [str(n) for n in range(len(codes))]})) == kind
