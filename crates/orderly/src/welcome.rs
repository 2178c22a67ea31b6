//! What `orderly up` and `orderly api` print once they are ready: where they are, how to log in, and a first order to paste.

use std::net::SocketAddr;

use orderly_contracts::ProductId;

use crate::{
    config::Config,
    role::Role,
    seed::{ADMIN, CUSTOMER},
};

/// `laptop` is the product of the first order; without a demo shop there is none.
pub(crate) fn text(config: &Config, role: Role, address: SocketAddr, laptop: Option<ProductId>) -> String {
    let url = format!("http://{address}");
    let data = config.data_dir.display();
    let kept = match config.database.url {
        Some(_) => format!("PostgreSQL; the simulated providers' books in {data}"),
        None => format!("SQLite in {data}"),
    };
    let carried = match config.broker.url {
        Some(_) => "\n  broker  RabbitMQ",
        None => "",
    };
    let workers = if role.works() {
        ""
    } else {
        "\n  workers run `orderly worker` on the same database; without one, orders wait"
    };
    let places = format!(
        "orderly is ready.\n\n  API     {url}/api\n  health  {url}/health\n  data    {kept}{carried}{workers}\n  stop    Ctrl-C\n"
    );
    laptop.map_or_else(|| places.clone(), |laptop| format!("{places}{}", first_order(&url, laptop)))
}

fn first_order(url: &str, laptop: ProductId) -> String {
    let json = "-H 'content-type: application/json'";
    let (email, password) = (CUSTOMER.email, CUSTOMER.password);
    format!(
        r#"  log-in  {email} / {password}, or {admin} / {admin_password} who sees everything

A first order, followed to its end; payment takes a few seconds, and so does the carrier:

TOKEN=$(curl -s {url}/api/auth/login {json} \
  -d '{{"email":"{email}","password":"{password}"}}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
ORDER=$(curl -s {url}/api/orders {json} -H "authorization: Bearer $TOKEN" \
  -d '{{"items":[{{"productId":{laptop},"quantity":1}}]}}' | sed 's/.*"id":\([0-9]*\).*/\1/')
curl -s "{url}/api/orders/$ORDER/events?waitSeconds=20" -H "authorization: Bearer $TOKEN"; echo
"#,
        admin = ADMIN.email,
        admin_password = ADMIN.password,
    )
}
