-- What was refused: who, what, when and why. Only ever added to.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Under which it came.
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- On whose behalf, or else who sent it.
    actor TEXT NOT NULL,
    -- What became of it, such as message-refused.
    action TEXT NOT NULL,
    -- What it claims to be about, such as order:7.
    subject TEXT NOT NULL,
    -- Its name.
    message TEXT NOT NULL,
    message_id TEXT NOT NULL,
    -- Where it came.
    endpoint TEXT NOT NULL,
    -- wharf's code of the reason.
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- It is walked by it, newest first. The row's own number knows no tenant.
    UNIQUE (tenant, id)
) STRICT;

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;

-- A message about what its tenant does not have ends as a dead letter, refused by the guard (W0080) or given up by a saga
-- that never began (W0007). In that commit it is written here too, so that neither a rollback before nor a clean-up after
-- leaves no trace of it.
CREATE TRIGGER orderly_audits_refusal AFTER INSERT ON wharf_dead_letters WHEN NEW.code IN ('W0007', 'W0080') BEGIN
    INSERT INTO audit_log (tenant, at, actor, action, subject, message, message_id, endpoint, code, reason)
    VALUES (NEW.tenant, NEW.died_at,
            -- Whoever forges a message may write what they like there; it must not keep the message from being refused.
            CASE WHEN json_valid(NEW.trail) THEN coalesce(NEW.trail ->> 'actor', NEW.trail ->> 'source', '') ELSE '' END,
            'message-refused', NEW.key, NEW.name, NEW.message_id, NEW.endpoint, NEW.code, NEW.reason);
END;
