from needling.clean.cleaning import clean
from needling.privacy.answers import stop_on_identifying_answers
from needling.privacy.rekey import Keys
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0], private=snakemake.output.audit):
    study = part(snakemake.params.study)
    stop_on_identifying_answers(study)
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    keys = Keys.open(f"data/keys/{study.study}.csv", seed=study.seed if study.made_up else None)
    cleaned = clean(tables, study, keys)
    for name, table in {**cleaned.tables, **cleaned.beside}.items():
        write_table(table, snakemake.output[name])
