-- What a bank caused is looked up by its cause.
create index movements_by_cause on movements (kind, id);
