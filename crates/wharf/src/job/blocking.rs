//! Functions that hold their thread until they are done.

use futures_util::future::BoxFuture;
use tokio::task;

use crate::handler::Handler;

/// A handler that is no `async fn`; made by [`blocking`].
#[derive(Debug, Clone, Copy)]
pub struct Blocking<F>(F);

/// Makes a handler of a function that holds its thread until it is done, as one that computes does. It runs on a thread of
/// its own, so that nothing else waits for it.
///
/// It cannot be dropped half-way as an `async fn` is. One that may take long looks now and then whether it is still wanted,
/// by [`Run::is_cancelled`](crate::Run::is_cancelled) or [`Cancel::reason`](crate::Cancel::reason); else it goes on to its end, of which nobody hears, and
/// a warning says so. What waits for a network or a database belongs into an `async fn`.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use wharf::{Job, Module, Msg, Result, Run, blocking};
/// # #[derive(Serialize, Deserialize, schemars::JsonSchema)] struct CountPrimes { below: u64 }
/// # impl Job for CountPrimes { const NAME: &'static str = "numbers.count-primes"; }
/// # fn is_prime(_: &u64) -> bool { true }
/// fn count_primes(Msg(job): Msg<CountPrimes>, run: Run) -> Result<usize> {
///     Ok((2..job.below).take_while(|_| !run.is_cancelled()).filter(is_prime).count())
/// }
///
/// let module = Module::new("numbers", ()).job("count-primes", blocking(count_primes));
/// ```
pub fn blocking<F>(function: F) -> Blocking<F> {
    Blocking(function)
}

/// Says so when nobody waits any more for a function that still runs.
struct Waiting {
    is_over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            tracing::warn!("a blocking handler was given up and goes on to its end; what it returns is not kept");
        }
    }
}

async fn run<R: Send + 'static>(function: impl FnOnce() -> R + Send + 'static) -> R {
    let mut waiting = Waiting { is_over: false };
    let ended = task::spawn_blocking(function).await;
    waiting.is_over = true;
    match ended {
        Ok(returned) => returned,
        Err(broken) => match broken.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down keeps a function from running; it drops this future, too.
            Err(_) => std::future::pending().await,
        },
    }
}

macro_rules! blocking_handler {
    ($($parameter:ident),*) => {
        #[allow(non_snake_case, reason = "type parameters name the values too")]
        impl<F, R, M, $($parameter),*> Handler<(M, $($parameter,)*)> for Blocking<F>
        where
            F: Fn(M, $($parameter),*) -> R + Clone + Send + Sync + 'static,
            R: Send + 'static,
            M: Send + 'static,
            $($parameter: Send + 'static,)*
        {
            type Returned = BoxFuture<'static, R>;

            fn call(&self, (message, $($parameter,)*): (M, $($parameter,)*)) -> Self::Returned {
                let function = self.0.clone();
                Box::pin(run(move || function(message, $($parameter),*)))
            }
        }
    };
}

blocking_handler!();
blocking_handler!(A);
blocking_handler!(A, B);
blocking_handler!(A, B, C);
blocking_handler!(A, B, C, D);
