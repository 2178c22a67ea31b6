//! The table at the head of each contract file: name on the wire, kind, type, and the field that names the order.

/// Implements [`wharf::Message`] for messages about one order, all keyed `order:{id}`, so that they find its saga.
///
/// ```text
/// messages_about_an_order! {
///     "inventory.reserved": Event InventoryReserved by order,
/// }
/// ```
macro_rules! messages_about_an_order {
    ($($name:literal: $kind:ident $message:ident by $($order:ident).+,)+) => {$(
        impl wharf::Message for $message {
            const NAME: &'static str = $name;
            const KIND: wharf::Kind = wharf::Kind::$kind;

            fn key(&self) -> wharf::Key {
                wharf::Key::new("order", self.$($order).+)
            }
        }
    )+};
}

pub(crate) use messages_about_an_order;
