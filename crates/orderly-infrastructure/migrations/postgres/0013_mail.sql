-- When a mail server took the mail with it, in microseconds since 1970; null when none was sent.
ALTER TABLE notifications ADD COLUMN sent_at BIGINT;
