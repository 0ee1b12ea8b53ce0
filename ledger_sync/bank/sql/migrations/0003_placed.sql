-- What concerns a key, kept: every bank that turns out to have certified the key gets it, and not only the first.
alter table unplaced rename to placed;
