# One study, from its raw export to its report:  snakemake --cores all --config study=demo
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/last_good.smk"
include: "workflow/rules/read.smk"
include: "workflow/rules/clean.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        expand("reports/{study}/report.{ending}", study=STUDY.study, ending=["html", "pdf", "docx"]),
        expand("reports/{study}/results/{analysis}.csv", study=STUDY.study, analysis=STUDY.analyses),
        expand(
            "reports/{study}/figures/{figure}.{ending}",
            study=STUDY.study,
            figure=FIGURES,
            ending=["pdf", "svg", "png", "csv"],
        ),
        expand("reports/{study}/shared/{file}.csv", study=STUDY.study, file=STUDY.disclosure.share),
        expand("reports/{study}/audit/{file}", study=STUDY.study, file=["audit.xlsx", "codebook.html", "codebook.xlsx"]),
