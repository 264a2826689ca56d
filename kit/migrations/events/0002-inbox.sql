-- What this service has taken from the logs of others.

-- How far it has read.
CREATE TABLE event_cursor (
  producer   text        PRIMARY KEY,
  cursor     text        NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- The last version of each subject that was applied: what comes again is known by it, and what comes early too.
CREATE TABLE event_inbox (
  producer text   NOT NULL,
  subject  text   NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (producer, subject)
);

-- Events that wait for an earlier one of their subject.
CREATE TABLE event_parked (
  producer  text        NOT NULL,
  subject   text        NOT NULL,
  sequence  bigint      NOT NULL,
  event     jsonb       NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (producer, subject, sequence)
);

-- Events that could not be applied; later ones of their subject are parked behind them until somebody replays them.
CREATE TABLE event_dead_letter (
  producer text        NOT NULL,
  subject  text        NOT NULL,
  sequence bigint      NOT NULL,
  event    jsonb       NOT NULL,
  error    text        NOT NULL,
  attempts int         NOT NULL,
  died_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (producer, subject, sequence)
);
