-- Work is claimed by who does it. owner: who has it now, until it is due; claim: by which number of the partner's claims;
-- again: 1 where it was asked for once more while somebody was at it.
alter table work add column owner text;
alter table work add column claim integer not null default 0;
alter table work add column again integer not null default 0;
alter table partners add column claims integer not null default 0;
