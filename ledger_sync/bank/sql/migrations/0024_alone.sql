-- alone: a verdict that was signed with others in the version that is signed alone, for who reads no more; made when
-- somebody first did.
alter table settlements add column alone blob;
