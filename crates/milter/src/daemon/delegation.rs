//! A connection of Postfix's policy delegation.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Daemon, Ended, Peer, READ, SILENCE, WRITE};
use crate::config::Route;
use crate::log::Level;
use crate::policy;
use crate::upstream::{Failure, Question};

impl Daemon {
    pub(super) async fn talk_policy(
        &self,
        mut peer: Box<dyn Peer>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), Ended> {
        let (mut read, mut out) = (BytesMut::new(), Vec::new());
        loop {
            while let Some(request) = policy::split_request(&mut read).map_err(|_| Ended::TooLong)? {
                self.repeat(&request).await.write(&mut out);
            }
            if !out.is_empty() {
                timeout(WRITE, peer.write_all(&out)).await.map_err(io::Error::from)??;
                out.clear();
            }
            // between two requests nothing is under way: Postfix asks on a new connection
            if *stopped.borrow_and_update() && read.is_empty() {
                return Ok(());
            }
            read.reserve(READ);
            tokio::select! {
                count = timeout(SILENCE, peer.read_buf(&mut read)) => match count {
                    Ok(Ok(0)) | Err(_) => return Ok(()),
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(error.into()),
                },
                _ = stopped.changed() => {}
            }
        }
    }

    /// What the client's address was told lately.
    async fn repeat(&self, request: &policy::Request) -> policy::Action {
        let route = self.config.route(request.client_ip, request.authenticated);
        let (Route::Ask(origin), Some(body)) = (route, request.question()) else {
            self.metrics.policy_skipped.fetch_add(1, Relaxed);
            return policy::Action::Dunno;
        };
        let path = match origin.tenant {
            Some(tenant) => format!("/gateways/postfix?tenant={tenant}").into(),
            None => "/gateways/postfix".into(),
        };
        let question = Question { path, media_type: "text/plain", body: body.into() };
        let answer = self.upstream.ask(question).await;
        let action = answer.and_then(|answer| policy::read(&answer).ok_or(Failure::Answer));
        match &action {
            Ok(policy::Action::Dunno) => drop(self.metrics.policy_dunno.fetch_add(1, Relaxed)),
            Ok(policy::Action::Reply(reply)) => {
                self.metrics.policy_repeated.fetch_add(1, Relaxed);
                let client = request.client_ip.as_ref().map(|ip| ip as _);
                self.log.tell(Level::Info, "repeated", &[("client", client), ("reply", Some(&reply.as_str()))]);
            }
            Err(failure) => {
                self.metrics.policy_failed.fetch_add(1, Relaxed);
                self.tell_rarely("policy_failure", &[("reason", Some(&failure.reason())), ("error", Some(failure))]);
            }
        }
        // the message is still asked about with its header: what comes of a failure is said there
        action.unwrap_or(policy::Action::Dunno)
    }
}
