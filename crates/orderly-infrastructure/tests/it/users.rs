//! Who may log in.

use orderly_contracts::{CustomerId, Role, Tenant};
use orderly_identity::domain::{Email, PasswordHash, User};

use crate::stage::{Stage, tenant};

pub(crate) fn ada() -> Email {
    Email::parse("ada@example.com").unwrap()
}

pub(crate) async fn add(stage: &Stage, tenant: &Tenant, role: Role) -> Option<CustomerId> {
    let password = PasswordHash::from_stored("$argon2id$…");
    stage.commit_of(tenant, async |tx| stage.ports.users.add(tx, &ada(), role, &password).await).await
}

pub(crate) async fn a_user_is_found_by_address(stage: &Stage) {
    for role in Role::ALL {
        let email = Email::parse(&format!("{role}@example.com")).unwrap();
        let password = PasswordHash::from_stored("$argon2id$…");
        let id = stage.commit(async |tx| stage.ports.users.add(tx, &email, role, &password).await).await.unwrap();
        assert_ne!(id, CustomerId::WALK_IN);
        let found = stage.ports.users.by_email(&tenant(), &email).await.unwrap();
        assert_eq!(found, Some(User { id, email, role, password }));
    }
    assert_eq!(stage.ports.users.by_email(&tenant(), &ada()).await.unwrap(), None);
}

pub(crate) async fn an_address_is_taken_once(stage: &Stage) {
    let id = add(stage, &tenant(), Role::Admin).await;
    assert!(id.is_some());
    assert_eq!(add(stage, &tenant(), Role::Customer).await, None);
    let found = stage.ports.users.by_email(&tenant(), &ada()).await.unwrap().unwrap();
    assert_eq!((Some(found.id), found.role), (id, Role::Admin));
}
