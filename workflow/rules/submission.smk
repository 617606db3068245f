# What authors hand in to a journal: ./run submission --study NAME --journal PROFILE. Not part of a plain run.
JOURNAL = config.get("journal", "")


def plan_content(wildcards):
    """What the study file holds, as text: it is handed in as it is."""
    return Path(config.get("studies", "config"), f"{STUDY.study}.yaml").read_text(encoding="utf-8")


def inputs_content(wildcards):
    """Digests of what came from outside: export, dictionary, answers of the clinics."""
    return dict(zip(["records", "dictionary", "corrections"], content_of(RECORDS, DICTIONARY, CORRECTIONS)))


rule submission:
    # Figures by a journal's rules, each checked, with captions, tables, checklists, plan and digests.
    input:
        **tables("release", RELEASED),
        ard=rules.release.output.ard,
        code=ancient(code("submission", *DRAWN, *TOLD)),
    output:
        directory(f"{REPORTS}/submission"),
    log:
        f"{LOGS}/submission.log",
    benchmark:
        f"{LOGS}/submission.benchmark"
    resources:
        mem_mb=memory(900),
    params:
        study=SHOWN,
        registry=entries(STUDY.instruments),
        journal=JOURNAL,
        plan=plan_content,
        inputs=inputs_content,
        code=digest(*code("submission", *DRAWN, *TOLD), PACKAGE / "submission", PACKAGE.parent / "report"),
    script:
        "../scripts/submission.py"
