//! `POST /api/orders`: the order and its event in one commit. Placing again under one reference answers with the first.

use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use orderly_contracts::{Currency, CustomerId, MoneyError, ProductId};
use orderly_orders::{
    PlaceOrder, PlacementError,
    domain::{Draft, DraftLine, Problem as Broken, Problems},
};
use serde::Deserialize;

use super::{answer::OrderBody, find};
use crate::http::{
    Shop,
    amount::GivenAmount,
    around::Cause,
    body::Sent,
    caller::Caller,
    problem::{FieldError, Kind, Problem},
    reference::check_reference,
};

/// What a client sends: `items`, or `productId` and `quantity` for an order of one product.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Wanted {
    items: Option<Vec<WantedItem>>,
    #[serde(default)]
    product_id: Option<i64>,
    quantity: Option<i64>,
    unit_price: Option<GivenAmount>,
    /// Three capital letters; the shop's currency when left out.
    currency: Option<String>,
    /// `Pending`, or left out.
    status: Option<String>,
    /// Whose order it is, where staff place it; the caller's when left out.
    user_id: Option<i64>,
    /// The client's own name for the order. One reference makes one order.
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedItem {
    product_id: i64,
    #[serde(default = "one")]
    quantity: i64,
    /// What the client believes a unit to cost.
    unit_price: Option<GivenAmount>,
}

const fn one() -> i64 {
    1
}

pub(in crate::http) async fn place(
    State(shop): State<Shop>,
    Extension(cause): Extension<Cause>,
    caller: Caller,
    Sent(wanted): Sent<Wanted>,
) -> Result<Response, Problem> {
    let customer = wanted.customer(&caller)?;
    let wanted = wanted.parse(customer, shop.currency)?;
    let mut work = shop.client.begin_on(&caller.0.tenant, cause.trail(caller.0.id))?;
    let placed = orderly_orders::place_order(&shop.orders, &mut work, &wanted).await?;
    let order = placed.order.placed;
    if order.customer != customer {
        let detail = "Somebody else's order has this reference; choose another.";
        return Err(Problem::new(Kind::ReferenceTaken, detail));
    }
    work.commit().await?;
    let status = if placed.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let body = OrderBody::from(find(&shop, &caller, &order.order_id.to_string()).await?);
    let location = format!("/api/orders/{}", order.order_id);
    Ok((status, [(header::LOCATION, location)], Json(body)).into_response())
}

impl Wanted {
    /// Only staff may order for others.
    fn customer(&self, caller: &Caller) -> Result<CustomerId, Problem> {
        match self.user_id.map(CustomerId) {
            None => Ok(caller.0.id),
            Some(customer) if customer == caller.0.id => Ok(customer),
            Some(customer) if customer >= CustomerId::WALK_IN => caller.require_staff().map(|()| customer),
            Some(_) => {
                let message = "A user's number is not negative.".to_owned();
                let error = FieldError { field: "userId".to_owned(), code: "no-user", message };
                Err(Problem::new(Kind::InvalidOrder, "The order cannot be read.").with_errors(vec![error]))
            }
        }
    }

    fn parse(self, customer: CustomerId, shop_currency: Currency) -> Result<PlaceOrder, Problem> {
        let mut errors: Vec<_> = check_reference(self.reference.as_deref()).err().into_iter().collect();
        let currency = match self.currency.as_deref().map(str::parse) {
            None => shop_currency,
            Some(Ok(currency)) => currency,
            Some(Err(error)) => {
                errors.push(FieldError {
                    field: "currency".to_owned(),
                    code: "no-currency",
                    message: sentence(&error),
                });
                shop_currency
            }
        };
        let items = match (self.items, self.product_id) {
            (Some(items), None) => items,
            (None, Some(product_id)) => {
                vec![WantedItem { product_id, quantity: self.quantity.unwrap_or(1), unit_price: self.unit_price }]
            }
            (None, None) => Vec::new(),
            (Some(items), Some(_)) => {
                let message = "Name either `items` or one `productId`.".to_owned();
                errors.push(FieldError { field: "productId".to_owned(), code: "items-twice", message });
                items
            }
        };
        let lines =
            items.into_iter().enumerate().map(|(index, item)| item.parse(index, currency, &mut errors)).collect();
        if errors.is_empty() {
            let draft = Draft { customer, currency, status: self.status, lines };
            Ok(PlaceOrder { draft, reference: self.reference })
        } else {
            Err(Problem::new(Kind::InvalidOrder, "The order cannot be read.").with_errors(errors))
        }
    }
}

impl WantedItem {
    fn parse(self, index: usize, currency: Currency, errors: &mut Vec<FieldError>) -> DraftLine {
        let unit_price = self.unit_price.and_then(|given| {
            let price = given.in_currency(currency);
            price.map_err(|error| errors.push(unreadable_price(index, &error))).ok()
        });
        DraftLine { product: ProductId(self.product_id), quantity: self.quantity, unit_price }
    }
}

fn unreadable_price(index: usize, error: &MoneyError) -> FieldError {
    let code = if *error == MoneyError::SubCent { "sub-cent-price" } else { "no-amount" };
    FieldError { field: format!("items[{index}].unitPrice"), code, message: sentence(error) }
}

/// An error's words as a sentence.
fn sentence(error: &dyn std::fmt::Display) -> String {
    let words = error.to_string();
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

impl From<PlacementError> for Problem {
    fn from(error: PlacementError) -> Self {
        match error {
            PlacementError::Refused(problems) => problems.into(),
            PlacementError::Failed(failure) => failure.into(),
        }
    }
}

impl From<Problems> for Problem {
    fn from(problems: Problems) -> Self {
        let (kind, detail) = if problems.are_only_changed_prices() {
            (Kind::PriceChanged, "Look at the prices again, then place the order with them.")
        } else {
            (Kind::InvalidOrder, "Mend what `errors` names, then place the order again.")
        };
        let told = |Broken { field, code, message }: Broken| FieldError { field, code: code.as_str(), message };
        Self::new(kind, detail).with_errors(problems.into_vec().into_iter().map(told).collect())
    }
}
