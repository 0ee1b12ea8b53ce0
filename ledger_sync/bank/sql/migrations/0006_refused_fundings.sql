-- A refused funding stays refused: with which code and facts (JSON), and since when. What was never debited has attempt 0
-- and is forgotten when no copy of its call can come any more.
alter table fundings add column code text;
alter table fundings add column facts text;
alter table fundings add column refused integer;
create index fundings_refused on fundings (customer, refused) where stage = 'refused';
-- One that was refused before there were codes was refused by the central bank.
update fundings set code = 'position_short', facts = '{}', refused = 0 where stage = 'refused';
