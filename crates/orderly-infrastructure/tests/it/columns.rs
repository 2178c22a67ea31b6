//! What the tables of orders, their lines and products hold, by name, as the migrations made them.

use orderly_infrastructure::Database;

use crate::stage::Stage;

/// Each table with its columns, which both engines have alike. The order in which later migrations added some does not
/// count.
const COLUMNS_OF_FILE: &str = "
SELECT t.name || ': ' || (SELECT group_concat(c.name, ' ' ORDER BY c.name) FROM pragma_table_info(t.name) AS c)
FROM sqlite_schema AS t
WHERE t.name IN ('orders', 'order_lines', 'order_saga', 'products', 'stock') ORDER BY t.name";
const COLUMNS_OF_SERVER: &str = "
SELECT table_name || ': ' || string_agg(column_name, ' ' ORDER BY column_name COLLATE \"C\")
FROM information_schema.columns
WHERE table_schema = 'orderly' AND table_name IN ('orders', 'order_lines', 'order_saga', 'products', 'stock')
GROUP BY table_name ORDER BY table_name";

/// An order: whose, how it stands and why, what it costs, and since when; its payment and its parcel stand beside it. A
/// line: what, how much of it, and for how much each. A product: what it is called and costs; how much of it there is, is
/// the warehouse's to say.
pub(crate) async fn orders_lines_and_products_have_these(stage: &Stage) {
    let columns = match &stage.settings.database {
        Database::Sqlite { .. } => stage.read(COLUMNS_OF_FILE).await,
        Database::Postgres { .. } => stage.read(COLUMNS_OF_SERVER).await,
    };
    insta::allow_duplicates! {
        insta::assert_snapshot!(columns.join("\n"), @"
        order_lines: line order_id product_id quantity tenant unit_minor
        order_saga: attention completed_at correlation_id created_at currency customer_id expires_at order_id payment_id state tenant total_minor tracking_number updated_at
        orders: attention attention_since cancel_reason cancel_reference correlation created_at currency customer_id detail id reference status step tenant total_minor updated_at
        products: currency id name price_minor sku tenant
        stock: available product_id reorder_level reserved tenant updated_at
        ");
    }
}
