//! What must hold between an order and its saga: they say the same, and nothing waits for what will never come.

use super::Comparison;

/// With their names as invariants.
pub(crate) const COMPARISONS: &[(&str, Comparison)] =
    &[("saga-agrees-with-order", SAGA_AGREES), ("what-waits-will-go-on", WILL_GO_ON)];

/// The saga and the status that its recorder writes change in one commit, so at every moment they are one of these
/// pairs. Before the saga there is only Pending; an order is over when its saga is, and a cancelled or expired one first
/// has things to undo. One whose parcel is being called back is still Paid. A halted saga may stand wherever its order is
/// not over.
const SAGA_AGREES: Comparison = Comparison {
    code: "saga-state",
    of: "order",
    rows: "SELECT count(*) FROM orders",
    records: ["is", "its saga"],
    differing: "
        SELECT id, status AS one,
               coalesce(state_name, 'not begun') || CASE WHEN finished_at IS NULL THEN '' ELSE ' and finished' END
                   AS other
        FROM orders LEFT JOIN wharf.sagas AS saga
            ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment' AND saga.key = 'order:' || orders.id
        WHERE (status, coalesce(state_name, ''), CASE WHEN finished_at IS NULL THEN 'goes on' ELSE 'over' END)
            NOT IN (VALUES
                ('Pending', '', 'goes on'),
                ('Validated', 'Created', 'goes on'),
                ('Validated', 'InventoryReserved', 'goes on'),
                ('PaymentProcessing', 'PaymentProcessing', 'goes on'),
                ('Paid', 'Paid', 'goes on'),
                ('Shipped', 'Shipped', 'goes on'),
                ('Paid', 'Compensating', 'goes on'),
                ('Cancelled', 'Compensating', 'goes on'),
                ('Expired', 'Compensating', 'goes on'),
                ('Validated', 'NeedsAttention', 'goes on'),
                ('PaymentProcessing', 'NeedsAttention', 'goes on'),
                ('Paid', 'NeedsAttention', 'goes on'),
                ('Shipped', 'NeedsAttention', 'goes on'),
                ('Cancelled', 'NeedsAttention', 'goes on'),
                ('Expired', 'NeedsAttention', 'goes on'),
                ('Delivered', 'Completed', 'over'),
                ('Cancelled', 'Failed', 'over'),
                ('Expired', 'Failed', 'over'))",
};

/// An order that is not over has an armed timer, or a message about it waits. One that was given up is among the dead
/// letters, and one that needs a person's attention has said so: neither is forgotten.
///
/// Every state but that one arms a timer, and a fired one is a row until the saga has handled its firing.
const WILL_GO_ON: Comparison = Comparison {
    code: "saga-forgotten",
    of: "order",
    rows: "SELECT count(*) FROM orders WHERE status NOT IN ('Delivered', 'Cancelled', 'Expired')",
    records: ["is", "its saga"],
    differing: "
        SELECT id, status AS one, coalesce(state_name, 'not begun') || ', and nothing is under way' AS other
        FROM orders LEFT JOIN wharf.sagas AS saga
            ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment' AND saga.key = 'order:' || orders.id
        LEFT JOIN (
            SELECT tenant, key FROM wharf.timers WHERE saga = 'orders.fulfilment'
            UNION SELECT tenant, key FROM wharf.deliveries
            UNION SELECT tenant, key FROM wharf.dead_letters
        ) AS waiting ON waiting.tenant = orders.tenant AND waiting.key = 'order:' || orders.id
        WHERE finished_at IS NULL AND coalesce(state_name, '') <> 'NeedsAttention' AND waiting.key IS NULL",
};
