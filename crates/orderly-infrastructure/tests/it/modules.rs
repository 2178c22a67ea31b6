//! Every module on the ports of an infrastructure, with the settings that they have by themselves. Benchmarks use it too.

use orderly_infrastructure::Infrastructure;
use wharf::ReadyWorker;

/// What placing orders needs.
pub(crate) fn order_ports(ports: &Infrastructure) -> orderly_orders::Ports {
    orderly_orders::Ports {
        book: ports.book.clone(),
        returns: ports.returns.clone(),
        catalog: ports.catalog.clone(),
        settings: orderly_orders::Settings::default(),
    }
}

/// Every module.
pub(crate) async fn worker(ports: &Infrastructure, orders: &orderly_orders::Ports) -> ReadyWorker {
    let ports = ports.clone();
    let guard = ports.guard.clone();
    ports
        .worker()
        .module(orderly_orders::module(orders.clone()))
        .module(
            orderly_inventory::module(orderly_inventory::Ports {
                stockroom: ports.stockroom,
                warehouse: ports.warehouse,
                settings: orderly_inventory::Settings::default(),
            })
            .guard(guard.clone()),
        )
        .module(
            orderly_payments::module(orderly_payments::Ports {
                ledger: ports.ledger,
                refunds: ports.refunds,
                gateway: ports.gateway,
                settings: orderly_payments::Settings::default(),
            })
            .guard(guard.clone()),
        )
        .module(
            orderly_shipping::module(orderly_shipping::Ports {
                shipments: ports.shipments,
                carrier: ports.carrier,
                settings: orderly_shipping::Settings::default(),
            })
            .guard(guard.clone()),
        )
        .module(
            orderly_notifications::module(orderly_notifications::Ports {
                outbox: ports.outbox,
                mailer: ports.mailer,
                customers: ports.customers,
            })
            .guard(guard.clone()),
        )
        .ready()
        .await
        .unwrap()
}
