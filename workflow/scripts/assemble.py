from needling.cohort.flow import participant_flow
from needling.cohort.frame import assemble
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    given = {name: read_table(path) for name, path in snakemake.input.items() if name != "code"}
    frame = assemble(given["patients"], given["visits"], given["scores"], study)
    people = [given[name] for name in ("exported", "patients", "quarantine")]
    flow = participant_flow(*people, frame, study, given.get("sessions"))
    write_table(frame, snakemake.output.frame)
    write_table(flow, snakemake.output.flow)
