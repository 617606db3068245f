from needling.clean.doubts import clean_or_stop
from needling.privacy.answers import stop_on_identifying_answers
from needling.privacy.known import remember
from needling.privacy.rekey import Keys
from needling.schema.stored import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0], private=snakemake.output.audit):
    stop_on_identifying_answers(study := part(snakemake.params.study))
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    made = clean_or_stop(tables, study, Keys.open(snakemake.params.key[0], seed=study.seed if study.made_up else None))
    for name, table in {**made.tables, **made.beside}.items():
        write_table(table, snakemake.output[name])
    remember(*snakemake.params.key, snakemake.output.key)
