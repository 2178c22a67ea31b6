//! The registry of error codes: every error a user can meet, with what it means and what to do.

use std::fmt;

/// A stable code such as `W0003`. Codes are never reused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    number: u16,
    /// What went wrong, in one sentence.
    pub meaning: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $meaning:literal, $help:literal;)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $name: Code = Code { number: $number, meaning: $meaning, help: $help };)*
            /// Every code there is, in the order of their numbers.
            pub const ALL: &[Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    HANDLER_FAILED = 1, "A handler returned an error until its retry policy was exhausted.",
        "Read the error chain, mend the cause, then redrive the dead letter.";
    HANDLER_PANICKED = 2, "A handler panicked.",
        "The panic message is in the error chain; mend it, then redrive the dead letter.";
    HANDLER_TIMED_OUT = 3, "A handler did not finish within its endpoint's timeout.",
        "Raise `.timeout(..)` on the endpoint, or make the handler faster.";
    PERMANENT = 4, "A handler said that trying again cannot help.",
        "Read the error chain; edit and redrive the message, or discard it.";
    BODY_UNREADABLE = 5, "The body does not parse as the message its name promises.",
        "Compare the body with the message type; edit and redrive it, or discard it.";
    MESSAGE_UNKNOWN = 6, "The endpoint has no handler for a message of this name or version.",
        "Deploy the version that handles it, then redrive; during a rolling deploy it is retried for five minutes.";
    SAGA_NOT_STARTED = 7, "An event arrived for a saga instance that does not exist.",
        "Find out why the starting event never came; redrive this one once it has.";
    TX_LEAKED = 8, "A handler kept its Tx beyond its own end, so nothing could be committed.",
        "Do not move Tx into a spawned task; finish the work inside the handler.";
    OUTSIDE_WITHIN_TX = 9, "A call to an outside provider was attempted while a transaction was open.",
        "Call `wharf::outside` before the first use of Tx, or split the handler in two messages.";
    TX_TWICE = 10, "A handler asked for Tx twice.",
        "Take one `Tx` parameter and hand `&mut tx` on.";
    BODY_TOO_LARGE = 11, "A message's body is larger than the limit.",
        "Send a reference to the data instead of the data, or raise `Limits::body_size_max_bytes`.";
    BODY_UNWRITABLE = 12, "A message could not be written as JSON.",
        "Use string keys in maps and no values that JSON lacks.";
    COMMAND_UNROUTED = 13, "A command was sent that no endpoint consumes.",
        "Add the module that consumes it to the worker.";
    COMMAND_CONTESTED = 14, "A command has more than one consumer.",
        "Make it an event, or remove all but one consumer. If it moved, say `.replaces(..)` on the endpoint that consumes it now; if the other is gone for good, call `Client::retire`.";
    DUPLICATE_ENDPOINT = 15, "Two endpoints or handlers have one id.",
        "Give each a name of its own; ids must also survive renames.";
    DUPLICATE_SUBSCRIPTION = 16, "One endpoint consumes the same message twice.",
        "Put the second handler on an endpoint of its own.";
    ENGINE_UNREACHABLE = 17, "The engine did not answer.",
        "Check the address, the credentials and that the server runs.";
    ENGINE_FAILED = 18, "The engine refused a statement.",
        "Read the error chain; it names the statement's cause.";
    STALE_LEASE = 19, "The delivery was taken over by another worker while this one still worked on it.",
        "Nothing was committed twice. Raise the lease if handlers are often this slow.";
    SCHEMA_NEWER = 20, "The database was migrated by a newer version of this program.",
        "Run the newer version; nothing was changed.";
    ALREADY_OWNED = 21, "Another process owns this SQLite file.",
        "Stop the other process, or use PostgreSQL for more than one.";
    DISK_FULL = 22, "The disk is full.",
        "Free space; the work goes on by itself, nothing was lost.";
    SAGA_UNREADABLE = 23, "This version of the program cannot read a saga instance, or knows its timer no more.",
        "Deploy the version that stored it, or raise `Saga::VERSION` and write the missing step of `Saga::migrate`.";
    RETRY_UNBOUNDED = 24, "A retry policy has no sensible bounds.",
        "Give it at least one retry, at most 100, and a first delay not above the maximum.";
    TRANSACTION_LOST = 25, "The delivery's transaction ended before wharf could commit it.",
        "Do not run COMMIT or ROLLBACK inside a handler; return an error instead.";
    WRONG_ENGINE = 26, "A Tx of one engine was opened as that of another.",
        "Use the extension trait of the engine the worker runs on.";
    LIMIT_INVALID = 27, "A limit is zero or contradicts another.",
        "The message names the limit and its allowed range.";
    QUARANTINED = 28, "A delivery was lost again and again while it was claimed alone: it kills or stalls its process.",
        "Look in the process's log for what ended it (out of memory, stack overflow, abort), mend it, then redrive.";
    EXPIRED = 29, "A message was taken up only after it had expired.",
        "Redrive it if it is still of use: a redriven message no longer expires. Else discard it.";
    TEXT_UNSTORABLE = 30, "A message's key or tenant contains a NUL character, which not every engine can store.",
        "Make keys and tenants of printable text.";
    SCHEMA_OLDER = 31, "The database was not migrated for this version of the program, or never.",
        "Look whether it is the database that was meant. If so, run `wharf migrate`, or start a worker of this version.";
    SUBSCRIPTION_RETIRED = 34, "The message waited for an endpoint whose subscription was retired.",
        "Discard it; or redrive it once an endpoint of this name consumes it again.";
    KIND_CONTRADICTED = 35, "One takes a message for a command and another for an event.",
        "Deploy the same version of the message's type everywhere; give it a new name if its kind must change.";
    POOL_TOO_SMALL = 36, "So many handlers may want a transaction at once that some could wait for one in vain.",
        "Lower `.concurrency(..)` on the endpoints that the message names, or give the engine more connections or patience: on PostgreSQL `transactions_max` and `acquire_timeout`.";
    DUPLICATE_SCHEDULE = 37, "Two schedules have one name.",
        "Name one of them with `every_named` or `Schedule::named`; by default a schedule is called as its message is.";
    SCHEDULE_UNKNOWN = 38, "There is no schedule of this name.",
        "Look at `Client::schedules` for those that there are; one is there once a worker that declares it has started.";
    TOO_OLD = 40, "The message was put on the transport so long ago that nobody knows any more whether it was handled.",
        "Find out whether it was; redrive it if it was not, else discard it. A backlog this old wants a longer `Limits::redelivery_horizon`, and `inbox_retention` with it.";
    OUTBOX_NAME_TAKEN = 41, "An endpoint's name begins with `outbox:` or `job:`, which are kept for wharf's own queues.",
        "Give the endpoint another name.";
    ORDER_LOST = 42, "An endpoint handles each key in order, which a transport of another kind cannot keep for it.",
        "Use `one_at_a_time`, or let the store be the transport; or drop `ordered`, and let the handler tell old from new.";
    SAGA_ENDLESS = 46, "Exploring a saga met more states than its bound.",
        "Give it fewer events or facts that do not grow with each of them, or raise the bound.";
    SHARED_COMMIT_LOST = 49, "The commit that this delivery shared with others failed, through no fault of its own.",
        "It is run again by itself at once, at no cost. If this is frequent, its handlers meet at the same rows: lower `share_commits`.";
    LAYER_REJECTED = 51, "A layer of the endpoint did not let the delivery pass to its handler.",
        "It comes back by itself and costs no attempt; look at what the layer guards, such as the provider behind a breaker.";
    LAYER_FAILED = 52, "A layer of the endpoint gave a handler up, or answered in its place.",
        "Read the error chain; a timeout as a layer may be too short for its handler.";
    BROKER_ADDRESS_UNREADABLE = 60, "The broker's address cannot be read.",
        "Write it as amqp://user:password@host:5672/vhost, or amqps:// for TLS; several hosts are parted by commas. A virtual host called / is written %2f.";
    BROKER_LOGIN_REFUSED = 61, "The broker does not let this user in.",
        "Mend the user or the password in the broker's address, or create the user there. RabbitMQ's own user guest may only come from the broker's machine.";
    BROKER_VHOST_REFUSED = 62, "The broker has no such virtual host, or this user may not enter it.",
        "Mend the last part of the broker's address; or create the virtual host, and give the user rights in it: rabbitmqctl set_permissions.";
    BROKER_RIGHTS_MISSING = 63, "The broker's user lacks a right.",
        "Give the user the right that the message names: rabbitmqctl set_permissions. What wharf declares, publishes to and consumes from begins with the prefix, if there is one.";
    BROKER_TLS_UNFIT = 64, "The broker and this process do not agree on TLS.",
        "Use amqps:// and the port for TLS together, as amqp:// with the other one. A certificate of a private authority wants cacertfile=/path/to/ca.pem in the address; the host's name must be the one in the certificate.";
    BROKER_UNFIT = 65, "What answers at the broker's address is no RabbitMQ that wharf can use.",
        "Point the address at RabbitMQ 3.10 or newer, at its port for AMQP.";
    BROKER_BLOCKED = 66, "The broker takes no messages in, as it is short of memory or disk.",
        "Give the broker memory or disk, or let its queues be consumed; what is sent waits in the outbox and goes on by itself.";
    CANCELLED = 70, "A person cancelled the message.",
        "Nothing, if it was meant. Redrive the dead letter to have it handled after all, else discard it.";
    SIGNALS_AWAY = 71, "What carries signals between processes did not answer.",
        "Work goes on without it, but nobody hears which workers are alive, nor of cancellations: ask again. Check its address, its credentials and that it runs.";
    REFUSED = 80, "A guard refused the message: under its tenant there is nothing of what it is about.",
        "Find out who sent it, and under which tenant it should have come; then discard it.";
    CRON_INVALID = 90, "A cron expression is none, or names a time that never comes.",
        "Write five fields, from minutes to days of the week, or six that begin with seconds.";
    TIME_ZONE_UNKNOWN = 91, "There is no time zone of this name.",
        "Use a name of the IANA database, such as `Europe/Berlin` or `UTC`.";
    JOB_MISPLACED = 100, "A job is treated as a message, or a message as a job.",
        "Give a job to its module with `Module::job`; only a job has a `Run`, and only a job is `unique`.";
    RUN_STATUS_UNKNOWN = 101, "There is no such status of a run.",
        "The message lists those that there are.";
    RUN_NOT_ENDED = 102, "A run is to be run again that has not ended.",
        "Wait for its end, or cancel it first.";
    RUN_UNKNOWN = 103, "There is no run of this id, or its history was kept long enough and is gone.",
        "Look for it in the list of runs; mind the tenant.";
    ARGUMENTS_UNFIT = 104, "The arguments of a job do not fit the schema that its workers announce.",
        "Mend the fields that the message names; `wharf jobs types` shows the schema.";
    JOB_UNKNOWN = 105, "There are settings or a schedule for a job that this worker does not run.",
        "Mend its name, or give this worker the module that has the job.";
    PROBES_UNWRITABLE = 106, "The files by which a worker tells that it lives and is ready cannot be written.",
        "Give the process the right to write there, or name another directory.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W{:04}", self.number)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_count_up() {
        assert!(Code::ALL.is_sorted_by(|one, next| one.number < next.number));
    }
}
