-- Events that this service publishes. The outbox is the log: rows are kept, payloads of deleted accounts are erased.
--
-- tx: the transaction that wrote the event. Ids are given before commit, so "id > last" would pass over an event of a
-- transaction that commits late; readers take rows below pg_snapshot_xmin alone, in the order (tx, id).
CREATE TABLE event_outbox (
  tx          xid8        NOT NULL DEFAULT pg_current_xact_id(),
  id          bigint      GENERATED ALWAYS AS IDENTITY,
  event_id    uuid        NOT NULL,
  source      text        NOT NULL,
  type        text        NOT NULL,
  subject     text        NOT NULL,
  sequence    bigint      NOT NULL,
  time        timestamptz NOT NULL,
  traceparent text,
  data        jsonb,
  PRIMARY KEY (tx, id)
);

-- One event a version of an aggregate; also the way to a subject's events when they are erased.
CREATE UNIQUE INDEX event_outbox_subject ON event_outbox (subject, sequence);

-- The last version of each aggregate. Its row lock makes the order of commits the order of versions. `tx` is the largest of
-- its events: an older transaction that had to wait for a younger one writes its event under the younger one's number, so
-- that the order of the log keeps the order of each subject.
CREATE TABLE event_subject (
  subject  text   PRIMARY KEY,
  sequence bigint NOT NULL,
  tx       xid8   NOT NULL
);
