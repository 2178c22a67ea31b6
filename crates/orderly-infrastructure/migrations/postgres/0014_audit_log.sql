-- What was refused: who, what, when and why. Only ever added to.
CREATE TABLE audit_log (
    id         BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant     TEXT   NOT NULL,                  -- under which it came
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL,                  -- on whose behalf, or else who sent it
    action     TEXT   NOT NULL,                  -- what became of it, such as message-refused
    subject    TEXT   NOT NULL,                  -- what it claims to be about, such as order:7
    message    TEXT   NOT NULL,                  -- its name
    message_id TEXT   NOT NULL,
    endpoint   TEXT   NOT NULL,                  -- where it came
    code       TEXT   NOT NULL,                  -- wharf's code of the reason
    reason     TEXT   NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE FUNCTION keep_audit_log() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_log();

-- A message about what its tenant does not have ends as a dead letter, refused by the guard (W0080) or given up by a saga
-- that never began (W0007). In that commit it is written here too, so that neither a rollback before nor a clean-up after
-- leaves no trace of it.
CREATE FUNCTION audit_refusal() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    trail JSON;
BEGIN
    -- Whoever forges a message may write what they like there; it must not keep the message from being refused.
    BEGIN
        trail := NEW.trail::JSON;
    EXCEPTION WHEN data_exception THEN
        trail := NULL;
    END;
    INSERT INTO orderly.audit_log
        (tenant, at, actor, action, subject, message, message_id, endpoint, code, reason)
    VALUES (NEW.tenant, NEW.died_at, coalesce(trail ->> 'actor', trail ->> 'source', ''), 'message-refused', NEW.key,
            NEW.name, NEW.message_id::TEXT, NEW.endpoint, NEW.code, NEW.reason);
    RETURN NULL;
END $$;
CREATE TRIGGER orderly_audits_refusal AFTER INSERT ON wharf.dead_letters
    FOR EACH ROW WHEN (NEW.code IN ('W0007', 'W0080')) EXECUTE FUNCTION audit_refusal();
