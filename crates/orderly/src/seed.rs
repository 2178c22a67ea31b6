//! The demo shop of development: two users and three products, made once.

use anyhow::Context;
use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, Money, ProductId, Role, Tenant};
use orderly_identity::domain::{Email, Password};

use crate::app::App;

/// Somebody who can log in.
pub(crate) struct DemoUser {
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
    role: Role,
}

pub(crate) const ADMIN: DemoUser = DemoUser { email: "admin@example.com", password: "Admin123!", role: Role::Admin };
pub(crate) const CUSTOMER: DemoUser =
    DemoUser { email: "test@example.com", password: "Test123!", role: Role::Customer };

/// SKU, name, price in cents, opening stock in units.
const PRODUCTS: [(&str, &str, i64, i64); 3] = [
    ("LAPTOP-PRO", "Laptop Pro", 129_999, 50),
    ("WIRELESS-MOUSE", "Wireless Mouse", 2_999, 200),
    ("USB-C-CABLE", "USB-C Cable", 999, 500),
];

/// Makes what is not there yet, in one commit. Returns the laptop's number.
pub(crate) async fn demo_shop(app: &App) -> anyhow::Result<ProductId> {
    let tenant = Tenant::default();
    let shop = &app.infrastructure;
    let mut work = app.client.begin(&tenant)?;
    for user in [ADMIN, CUSTOMER] {
        let email: Email = user.email.parse()?;
        // Looked up first, because hashing a password that is not needed takes its time.
        if shop.users.by_email(&tenant, &email).await.map_err(refused)?.is_none() {
            let password = Password::parse(user.password)?;
            orderly_identity::register(shop.users.as_ref(), &mut work.tx, &email, user.role, password).await?;
        }
    }
    let products: Vec<_> = PRODUCTS
        .iter()
        .map(|(sku, name, cents, _)| {
            Ok(NewProduct { sku: Sku::parse(sku)?, name: (*name).to_owned(), price: Money::new(*cents, Currency::USD) })
        })
        .collect::<anyhow::Result<_>>()?;
    let ids = shop.products.add(&mut work.tx, &products).await.map_err(refused)?;
    let opening: Vec<_> = ids.iter().copied().zip(PRODUCTS.map(|(.., units)| units)).collect();
    shop.warehouse.open(&mut work.tx, &opening).await.map_err(refused)?;
    work.commit().await?;
    ids.first().copied().context("the catalog took no product")
}

fn refused(failure: wharf::Failure) -> anyhow::Error {
    anyhow::anyhow!("the demo shop could not be made: {failure}")
}
