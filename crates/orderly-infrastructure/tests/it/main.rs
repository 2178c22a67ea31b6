//! What the adapters promise, on real files and servers: one suite of sentences, told on every engine through the ports
//! alone. The simulated providers have theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod audit;
mod book;
mod catalog;
mod columns;
mod connecting;
mod failing_stockroom;
mod forged;
mod hot_products;
mod ledger;
mod log;
mod logging;
mod mail;
mod mail_server;
mod modules;
mod notifications;
mod order_saga;
mod orders;
mod outage;
mod overview;
mod pipeline;
mod reconciliation;
mod returns;
mod shipments;
mod simulators;
mod stage;
mod stockroom;
mod sweeps;
mod tenants;
mod users;
mod warehouse;

/// Makes a test of every case, for each engine.
macro_rules! on_every_engine {
    ($($subject:ident { $($case:ident,)* })*) => {
        mod sqlite {
            $(mod $subject { $(
                #[tokio::test]
                async fn $case() {
                    crate::stage::run(crate::stage::Engine::Sqlite, crate::$subject::$case).await;
                }
            )* })*
        }
        mod postgres {
            $(mod $subject { $(
                #[tokio::test]
                async fn $case() {
                    crate::stage::run(crate::stage::Engine::Postgres, crate::$subject::$case).await;
                }
            )* })*
        }
    };
}

on_every_engine! {
    pipeline {
        an_order_goes_from_the_counter_to_the_door,
        orders_whose_payment_stays_undecided_expire_after_ten_minutes,
        o22_o32_when_every_answer_is_lost_everything_is_done_once,
        o31_a_refund_that_takes_hours_is_an_alarm_until_it_is_done,
        o33_a_refused_parcel_cancels_the_order_and_gives_everything_back,
        o34_a_silent_carrier_is_asked_for_a_quarter_of_an_hour_and_the_parcel_called_back,
        o35_a_paid_order_is_cancelled_as_long_as_no_carrier_has_it,
    }
    sweeps {
        o39_a_sweep_expires_no_more_than_its_batch_and_raises_an_alarm,
        o12_an_order_whose_message_was_given_up_is_listed_as_stalled,
        orders_that_do_not_get_on_are_listed_with_their_reason,
    }
    order_saga {
        the_view_shows_where_each_order_stands,
    }
    logging {
        the_log_tells_of_creation_status_payment_and_shipping,
        the_log_tells_of_declined_payments_shortages_and_time_outs,
    }
    outage {
        o29_an_hour_without_the_provider_costs_no_attempts_and_then_payments_go_on,
        a_stockroom_that_fails_is_left_in_peace_and_nothing_is_given_up,
    }
    reconciliation {
        the_task_tells_each_difference_once,
    }
    returns {
        what_comes_back_lies_on_the_shelf_or_is_written_off_and_is_paid_back,
        when_every_answer_is_lost_a_return_is_paid_back_once,
        o31_a_refund_of_a_return_that_takes_hours_is_made_in_the_end,
        a_return_is_found_under_its_reference_as_it_was_made,
        of_many_who_return_the_last_unit_at_once_one_is_believed,
        many_who_return_under_one_reference_at_once_make_one_return,
        what_came_back_once_is_put_away_once,
        a_refund_is_debited_and_credited_once,
        returns_are_told_and_ended_orders_found_by_reference,
        returns_are_kept_apart,
    }
    connecting {
        what_was_written_is_there_when_connected_again,
        a_database_of_a_newer_version_is_refused,
        commits_are_counted,
        the_providers_books_are_closed_with_the_rest,
    }
    book {
        a_placed_order_is_found_as_it_was_placed,
        a_product_in_several_lines_is_summed,
        the_largest_order_of_the_file_is_found_whole,
        one_reference_makes_one_order,
        many_who_place_one_reference_at_once_make_one_order,
        orders_without_a_reference_are_all_different,
        what_is_rolled_back_was_never_placed,
        every_change_follows_the_graph_and_no_other,
        an_order_that_does_not_exist_does_not_move,
        a_step_tells_what_happened_and_when,
        a_noted_cancellation_moves_nothing,
        a_halted_order_says_so_until_it_goes_on_and_does_not_move,
        orders_are_stale_when_they_have_waited_so_long_and_not_a_microsecond_before,
        the_longest_waiting_come_first_and_no_more_than_asked,
    }
    orders {
        an_order_is_seen_as_it_was_bought,
        orders_come_newest_first_page_by_page,
        orders_are_found_by_customer_and_by_status,
        what_is_not_committed_is_not_seen,
    }
    overview {
        every_order_stands_in_one_place,
        the_pace_is_that_of_orders_placed_since,
        orders_are_found_by_their_references,
        only_cancellations_that_took_effect_are_told,
    }
    catalog {
        products_are_numbered_in_the_order_given,
        adding_again_changes_nothing,
        products_come_page_by_page,
        only_what_is_asked_for_and_known_is_answered,
    }
    warehouse {
        opening_stock_is_set_once,
        stock_comes_page_by_page,
        only_what_is_known_is_available,
        what_was_put_is_read,
        what_was_reserved_meanwhile_is_not_written_over,
        movements_come_newest_first_page_by_page,
        a_receipt_is_found_under_its_reference_and_made_once,
        what_is_low_is_found_and_counted,
    }
    stockroom {
        what_is_held_leaves_the_available,
        what_is_given_back_can_be_sold_again,
        what_is_taken_out_has_left,
        what_comes_and_goes_is_booked,
        a_reservation_ends_once,
        a_tombstone_holds_nothing_and_stays,
        a_second_reservation_is_refused,
        what_is_not_there_any_more_is_not_held,
        of_a_hundred_buyers_one_gets_the_last_unit,
        orders_that_want_the_same_products_never_wait_in_a_circle,
    }
    ledger {
        every_state_of_an_intent_is_read_as_it_was_written,
        payments_are_counted_by_what_became_of_them,
        an_intent_is_looked_up_once_committed,
        a_request_never_replaces_what_came_of_it,
        the_last_word_on_an_attempt_counts,
        a_stray_capture_is_booked_once_and_stays_when_it_was_given_back,
        the_first_contradiction_of_a_payment_stays,
        whatever_is_taken_and_given_back_is_debited_and_credited,
    }
    shipments {
        every_state_of_a_shipment_is_read_as_it_was_written,
        a_shipment_is_looked_up_once_committed,
        what_was_delivered_stays_delivered,
    }
    notifications {
        a_customer_is_told_once_of_each_thing,
        notifications_come_newest_first_page_by_page,
        facts_stand_beside_the_words_as_json,
    }
    columns {
        orders_lines_and_products_have_these,
    }
    forged {
        o46_what_comes_under_another_tenant_moves_nothing_and_is_refused_and_audited,
    }
    mail {
        each_thing_a_customer_is_told_is_mailed_once,
        who_has_no_address_is_told_in_the_log_alone,
        a_server_that_is_away_or_busy_is_asked_again,
        what_a_server_refuses_for_good_is_a_dead_letter_with_its_words,
        a_mail_whose_receipt_was_lost_is_sent_again_as_it_was,
    }
    users {
        a_user_is_found_by_address,
        an_address_is_taken_once,
    }
    tenants {
        orders_are_kept_apart,
        references_are_kept_apart,
        products_are_kept_apart,
        stock_is_kept_apart,
        reservations_are_kept_apart,
        payments_are_kept_apart,
        shipments_are_kept_apart,
        notifications_are_kept_apart,
        users_are_kept_apart,
    }
}
