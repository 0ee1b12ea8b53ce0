-- How far what others list was read. The word mark is for the rules that stay on a token.
alter table marks rename to cursors;
