# Figures, tables and sections are found, not imported by name: the files of their rooms and a study's own.
DRAWN = [*sorted((PACKAGE / "figures").glob("*.py")), *sorted(EXTENSIONS.glob("figure_*.py"))]
TOLD = [*sorted((PACKAGE / "tables").glob("*.py")), *sorted(EXTENSIONS.glob("table_*.py"))]
TOLD += sorted(EXTENSIONS.glob("section_*.md"))
# What a figure shows, for Snakemake's own report: the first sentence of its file.
SUBJECTS = {path.stem.removeprefix("figure_"): first_sentence(path) for path in DRAWN}

# What shows released tables: it reads the study file with its words, and nothing but release/ of the data.
SHOWN = section(
    STUDY,
    "study",
    "title",
    "design",
    "made_up",
    "authors",
    "notes",
    "metadata",
    "published",
    "patients",
    "visits",
    "instruments",
    "outcomes",
    "covariates",
    "intercurrent_events",
    "cohorts",
    "estimands",
    "analyses",
    "primary",
    "families",
    "disclosure",
    words=True,
)


rule figures:
    # Every figure as PDF, SVG and PNG, with the numbers it shows and the words that belong to it.
    input:
        **tables("release", RELEASED),
        code=ancient(code("figures", *DRAWN)),
    output:
        words=f"{PROCESSED}/figures/words.json",
        folder=report(
            directory(f"{REPORTS}/figures"),
            patterns=["{figure,[^/]+}.svg"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{LOGS}/figures.benchmark"
    threads: 4
    resources:
        mem_mb=memory(2000),
    params:
        study=SHOWN,
        registry=entries(STUDY.instruments),
        code=digest(*code("figures", *DRAWN)),
        subjects=SUBJECTS,
    script:
        "../scripts/figures.py"


rule report:
    # The report as a page, a PDF and a document from one source; every number in it comes from a released table.
    input:
        **tables("release", RELEASED),
        words=rules.figures.output.words,
        figures=rules.figures.output.folder,
        templates=ancient(sorted(str(path) for path in (PACKAGE.parent / "report").rglob("*") if path.is_file())),
        code=ancient(code("report", *TOLD)),
    output:
        html=report(f"{REPORTS}/report.html", caption="../report/report.rst", category="Report"),
        pdf=f"{REPORTS}/report.pdf",
        docx=f"{REPORTS}/report.docx",
        tables=report(
            directory(f"{REPORTS}/tables"),
            patterns=["{table}.csv"],
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{LOGS}/report.benchmark"
    resources:
        mem_mb=memory(900),
    params:
        study=SHOWN,
        registry=entries(STUDY.instruments),
        code=digest(*code("report", *TOLD), PACKAGE.parent / "report"),
    script:
        "../scripts/report.py"
