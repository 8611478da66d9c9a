-- What a next version of the read model queues has beside the tables of the present one.

ALTER TABLE tickets ADD COLUMN is_open boolean NOT NULL;
CREATE VIEW still_open AS SELECT ticket_id, number FROM tickets WHERE is_open;
