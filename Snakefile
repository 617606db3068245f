# One study, from its raw export to its report:  snakemake --cores all --config study=demo
include: "workflow/Snakefile"


rule study:
    default_target: True
    input:
        rules.all.input,
