//! Deny by default: a role that is not named may not, another tenant's things do not exist.

use orderly_contracts::{CustomerId, Role, Tenant};
use orderly_security::{Forbidden, OtherTenant, Principal};

fn somebody(role: Role) -> Principal {
    Principal { id: CustomerId(7), email: "test@example.com".to_owned(), role, tenant: Tenant::default() }
}

#[test]
fn only_a_named_role_may() {
    assert_eq!(somebody(Role::Staff).require_any(&[Role::Admin, Role::Staff]), Ok(()));
    assert_eq!(
        somebody(Role::Customer).require_any(&[Role::Admin, Role::Staff]),
        Err(Forbidden { role: Role::Customer })
    );
    assert_eq!(somebody(Role::Admin).require_any(&[]), Err(Forbidden { role: Role::Admin }));
}

#[test]
fn a_customer_sees_only_its_own() {
    let customer = somebody(Role::Customer);
    assert!(customer.may_see_what_belongs_to(CustomerId(7)));
    assert!(!customer.may_see_what_belongs_to(CustomerId(8)));
    assert!(!customer.may_see_what_belongs_to(CustomerId::WALK_IN));
    assert!(somebody(Role::Staff).may_see_what_belongs_to(CustomerId(8)));
    assert!(somebody(Role::Admin).may_see_what_belongs_to(CustomerId::WALK_IN));
}

#[test]
fn not_even_an_admin_sees_another_tenant() {
    let admin = somebody(Role::Admin);
    assert_eq!(admin.require_tenant(&Tenant::new("default")), Ok(()));
    assert_eq!(admin.require_tenant(&Tenant::new("Default")), Err(OtherTenant));
    assert_eq!(admin.require_tenant(&Tenant::new("")), Err(OtherTenant));
}

#[test]
fn nobodys_address_shows_itself_in_logs() {
    assert!(!format!("{:?}", somebody(Role::Admin)).contains("example"));
}
