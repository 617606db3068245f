"""Words that exports use for patients, visits, arms and instruments, in six languages; plain: small letters without accents."""

import re

# What a column is likely to be -> words of its name, the likeliest first.
WORDS = {
    "id": "record id|study id|patient id|subject id|participant id|usubjid|subjid|pat id|patid|ptid|pid|id|patient|subject|"
    "participant|person|study number|study no|patient number|patient no|subject number|patient code|patientennummer|"
    "patienten nr|patientennr|pat nr|patnr|lfd nr|"
    "patienten id|patient nr|probandennummer|probanden nr|proband|fallnummer|numero de historia clinica|"
    "numero patient|numero de patient|id patient|code patient|sujet|identifiant|paciente|id paciente|numero de paciente|"
    "codigo de paciente|codigo paciente|sujeto|paziente|id paziente|codice paziente|numero paziente|soggetto|patientnummer|"
    "deelnemer|deelnemernummer|proefpersoon|utente|doente|codigo do paciente|numero do paciente|participante|numero|nummer|"
    "codigo|codice|code|case",
    "clinic": "redcap data access group|clinic|site|centre|center|practice|hospital|practice id|clinic id|site id|siteid|"
    "study site|centre id|center id|pooled investigator|poolinv|investigator|zentrum|klinik|praxis|standort|hopital|clinique|"
    "centro|"
    "centro medico|clinica|ambulatorio|sede|ziekenhuis|kliniek|praktijk|locatie|hospital id",
    "therapist": "therapist|physiotherapist|physio|acupuncturist|clinician|provider|therapist id|behandler|therapeut|therapeutin|"
    "physiotherapeut|kinesitherapeute|kine|therapeute|praticien|fisioterapeuta|terapeuta|fisioterapista|operatore|behandelaar|"
    "fysiotherapeut",
    "day_0": "date randomised|randomisation date|randomization date|date randomized|date of randomisation|date of randomization|"
    "rand date|randdt|date enrolled|enrolment date|enrollment date|inclusion date|date of inclusion|randomisierungsdatum|"
    "datum randomisierung|datum der randomisierung|einschlussdatum|datum einschluss|date de randomisation|date randomisation|"
    "date d inclusion|date inclusion|fecha de aleatorizacion|fecha aleatorizacion|fecha de inclusion|fecha inclusion|"
    "data di randomizzazione|data randomizzazione|data di arruolamento|data arruolamento|randomisatiedatum|datum randomisatie|"
    "inclusiedatum|data de randomizacao|data randomizacao|data de inclusao|trtsdt|rfstdtc",
    "date": "visit date|date of visit|date|assessment date|interview date|exam date|timestamp|adt|visitdt|svstdtc|vsdtc|datum|"
    "besuchsdatum|visitendatum|untersuchungsdatum|date visite|date de visite|date de la visite|fecha|fecha visita|"
    "fecha de visita|fecha de la visita|marca temporal|data|data visita|data della visita|data di visita|bezoekdatum|"
    "datum bezoek|meetdatum|data da visita|data da consulta|data consulta",
    "planned": "redcap event name|avisit|visit name|visit|timepoint|time point|event|visitnum|avisitn|occasion|wave|session|week|"
    "weeks|month|day|time|period|assessment|visite|besuch|termin|messzeitpunkt|zeitpunkt|woche|monat|tag|zeit|messung|welle|"
    "semaine|mois|jour|temps|seance|consultation|visita|numero de sesion|semana|mes|dia|tiempo|momento|sesion|settimana|mese|"
    "giorno|"
    "tempo|seduta|controllo|bezoek|maand|dag|meetmoment|meting|tijdstip|consulta|sheet",
    "arm": "arm|group|treatment|allocation|randomised to|randomized to|treatment group|study arm|trt01p|trtp|armcd|trt|trt01a|"
    "trta|"
    "actarm|treat|therapy|intervention|condition|drug|gruppe|behandlungsgruppe|studienarm|behandlung|therapie|th|groupe|"
    "groupe de traitement|bras|traitement|grupo|grupo de tratamiento|brazo|tratamiento|gruppo|gruppo di trattamento|braccio|"
    "trattamento|groep|behandelgroep|behandeling|grupo de tratamento|braco|tratamento|randomisation|randomization",
    "cohort": "cohort|kohorte|cohorte|coorte",
    "sex": "sex|gender|geschlecht|sexe|genre|sexo|genero|sesso|genere|geslacht",
    "age": "age|age years|alter|edad|eta|leeftijd|idade",
}
COVARIATES = {
    "height": "height|height cm|talla|estatura|groesse|koerpergroesse|korpergrosse|taille|altezza|lengte|altura",
    "weight": "weight|weight kg|peso|gewicht|poids",
    "bmi": "bmi|imc|calc bmi",
    "duration": "duration weeks|duration|chronicity|duration months|dauer|duree|duracion|durata|duur|duracao",
    "expectation": "expectation|erwartung|attente|expectativa|aspettativa|verwachting",
}
# A column of two to six levels with one of these words in its name tells the treatment, where none is called an arm.
TREATMENTS = re.compile(
    r"\b(?:laser|needl\w*|dn|acupunct\w*|tens|active|aktiv|placebo|sham|exercise|eswt|shock ?wave|tap(?:e|ing)|massage|manual|"
    r"botox|injection|prp|rtms|tdcs|electro\w*|verum|trockennadel\w*|akupunktur|puncion|agopuntura|treated)\b"
)
CONTROL = re.compile(
    r"control|usual|sham|placebo|wait|standard|\btau\b|\buc\b|\bno |^no_|\bwithout\b|"
    r"kontroll|schein|warteliste|wartegruppe|ohne|temoin|"
    r"attente|simul|sans|espera|habitual|\bsin |controllo|attesa|abituale|senza|wachtlijst|gebruikelijk|zonder|controle|sem ",
    re.IGNORECASE,
)
# Table of events -> words in the name of a repeating form.
EVENTS = {
    "sessions": "session|treatment|sesion",
    "needling": "needl|muscle|puncion",
    "co_interventions": "co_?int|exercise|cointervention",
    "adverse_events": "adverse|^ae",
}
# Outcomes of measures that a name in the study file is fixed for.
FUNCTION = {"ndi", "odi", "dash", "quickdash", "lefs", "psfs", "fiqr", "fiq", "visa_a", "visa_p"}
# What patients guess of their arm.
GUESS = re.compile(
    r"(?:^|_)(?:guess\w*|blinding|perceived_(?:arm|group|treatment)|believed?_(?:arm|group|treatment))(?:_|$|\d)"
)
UNSURE = re.compile(
    r"unsure|not_sure|uncertain|unknown|know|no_idea|cannot_say|undecided|weiss|unsicher|keine|sais|incert|no_se|no_sabe|seguro|"
    r"non_so|incerto|weet|nao_sei"
)
# Words that are no level of anything.
ABSENT = {
    *re.findall(
        r"\S+",
        "na n/a nan null none . .. - -- ? missing unknown unk ni nd nr asku nask refused unbekannt inconnu desconocido sconosciuto "
        "onbekend desconhecido fehlt manquant",
    ),
    *("not done", "not known", "not available", "not applicable", "keine angabe", "k.a.", "n.a."),
}
# Names of columns of a table in which one row is one value.
MEASURES = (
    "paramcd|param|instrument|questionnaire|scale|measure|measurement|outcome|parameter|testcd|test|variable|question|item|"
    "qstestcd|vstestcd|fragebogen|messgrosse|parametre|echelle|instrumento|cuestionario|escala|medida|strumento|questionario|"
    "scala|"
    "vragenlijst|schaal|questionario"
)
VALUES = (
    "aval|value|score|result|response|answer|points|val|stresn|qsstresn|vsstresn|wert|ergebnis|punkte|valeur|resultat|valor|"
    "puntuacion|resultado|valore|risultato|punteggio|waarde|uitslag|pontuacao"
)
TOTAL = re.compile(
    r"(?:^|[ _])(?:total|sum|score|summe|gesamt|gesamtwert|punkte|punktwert|somme|puntaje|puntuacion|suma|totale|punteggio|"
    r"somma|totaal|"
    r"som|soma|pontuacao|index|pct|percent)(?=$|[ _])",
    re.IGNORECASE,
)
PAIN = re.compile(r"(?:^|_)(?:nprs|nrs|vas|eva|pain|schmerz\w*|douleur|dolor|dolore|pijn|dor)(?:_|$|\d)", re.IGNORECASE)
CHANGE = re.compile(
    r"(?:^|[ _])(?:chg|change|diff|difference|delta|veranderung|differenz|changement|variation|cambio|diferencia|variazione|"
    r"verandering|verschil|mudanca|diferenca|pchg|improvement)(?:$|[ _\d])",
    re.IGNORECASE,
)
# Instrument of the registry -> how columns call it.
INSTRUMENTS = {
    "quickdash": "quickdash|quick dash|qdash|q dash",
    "dash": "dash",
    "nprs": "nprs|nrs|pain nrs|nrs pain|nrs schmerz|schmerz nrs",
    "vas": "vas|eva|pain vas|vas pain|vas schmerz|schmerz vas",
    "ppt": "ppt|pressure pain threshold|druckschmerzschwelle|umbral de presion",
    "ndi": "ndi|neck disability index|neck disability",
    "odi": "odi|oswestry|oswestry disability index",
    "lefs": "lefs",
    "psfs": "psfs",
    "fiqr": "fiqr|fiq r",
    "fiq": "fiq",
    "wpi": "wpi",
    "sss": "sss",
    "visa_a": "visa a|visaa",
    "visa_p": "visa p|visap",
    "tsk11": "tsk 11|tsk11",
    "tsk17": "tsk 17|tsk17|tsk",
    "pcs_total": "pcs|pcs total",
    "csi": "csi",
    "pgic": "pgic",
    "groc": "groc|grc",
    "cpm": "cpm",
    "rom": "rom",
    "rmdq": "rmdq|roland morris",
    "spadi": "spadi",
    "prtee": "prtee",
    "ffi": "ffi|foot function index",
    "cait": "cait",
    "womac": "womac",
    "ikdc": "ikdc",
    "hit6": "hit6|hit 6",
    "midas": "midas",
    "phq9": "phq9|phq 9",
    "gad7": "gad7|gad 7",
    "psqi": "psqi",
    "isi": "isi",
    "pseq": "pseq",
    "eq_vas": "eq vas|eqvas",
    "eq5d_index": "eq5d index|eq5d utility|eq 5d index",
}
# Words of a visit: the first, one before it, one that is not of the schedule.
BASELINE = re.compile(
    r"(?:baseline|base line|base|basal|basale|bl|pre|pre ?treatment|before|inclusion|inklusion|einschluss|eingang|"
    r"ausgangswert|start|"
    r"enrol\w*|entry|initial|initiale|inicio|inicial|inizio|iniziale|aanvang|nulmeting|erst\w*|premier\w*|primera\w*|"
    r"linea de base|visita basal|antes|avant|vorher|"
    r"prima|voor|first|[tvwdj] ?0)(?: .*)?"
)
SCREENING = re.compile(r"(?:screening|screen|scr|selection|seleccion|selezione|selectie|selecao|vorscreening)(?: .*)?")
UNPLANNED = re.compile(
    r"(?:unscheduled|unplanned|uns|early termination|withdrawal|ungeplant|non prevue?|no programada|extra)(?: .*)?"
)
UNITS = {
    "week": "w|wk|wks|week|weeks|woche|wochen|wo|semaine|semaines|sem|semana|semanas|settimana|settimane|sett|weken",
    "month": "m|mo|mon|mth|mths|month|months|monat|monate|monaten|mois|mes|meses|mese|mesi|maand|maanden",
    "day": "d|day|days|tag|tage|tagen|jour|jours|j|dia|dias|giorno|giorni|dag|dagen",
    "hour": "h|hr|hrs|hour|hours|std|stunde|stunden|heure|heures|hora|horas|ora|ore|uur",
    "minute": "min|mins|minute|minutes|minuten|minuto|minutos|minuti|minuut",
    "year": "y|yr|year|years|jahr|jahre|jahren|an|ans|annee|ano|anos|anno|anni|jaar",
}
WEEKS = {"week": 1.0, "month": 13 / 3, "day": 1 / 7, "hour": 1 / 168, "minute": 1 / 10080, "year": 52.0}
WITHIN_DAYS = re.compile(
    rf"(?:^| )(?:{UNITS['hour']}|{UNITS['minute']})(?: |$)"
)  # the plain words of a visit that has hours


def weeks_of(label: str, heading: str = "") -> float | None:
    """Find the weeks that the name of a visit speaks of.

    Parameters
    ----------
    label : plain words of the visit's name, letters and digits apart: 'week 4', '3 months', 'visit 2 week 6', '12'.
    heading : plain words of its column; where that is a unit ('week') a number alone counts in it.

    Returns
    -------
    Weeks, below 0 before day 0 ('week minus 2'), 0 for a baseline without a number, or None where no unit is told.
    """
    if re.search(r"\bminus \d", label):
        after_zero = weeks_of(label.replace("minus ", ""), heading)
        return None if after_zero is None else -after_zero
    units = {word: unit for unit, words in UNITS.items() for word in words.split("|")}
    any_unit = "|".join(sorted(units, key=len, reverse=True))
    before = re.search(rf"\b({any_unit}) (\d+(?:\.\d+)?)\b", label)
    after = re.search(rf"\b(\d+(?:\.\d+)?) ({any_unit})\b", label)
    if before and not (after and label[:1].isdigit()):
        return float(before[2]) * WEEKS[units[before[1]]]
    if after:
        return float(after[1]) * WEEKS[units[after[2]]]
    told = [units[word] for word in heading.split(" ") if word in units and len(word) > 1]
    if told and re.fullmatch(r"\d+(?:\.\d+)?", label):
        return float(label) * WEEKS[told[0]]
    return 0.0 if BASELINE.fullmatch(label) else None
