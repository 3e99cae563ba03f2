//! What ties the requests of one session together on the phone's side: the first cookie, and whether
//! the connection is kept (`wpi.md` §2.3). Still only bytes: WPI begins one layer up.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, SET_COOKIE};
use thiserror::Error;
use tokio::time::Instant;

use crate::behaviour::CookieEcho;
use crate::connection::{Answer, ConnectError, Connection, Dialler, RequestError};

/// The requests of one session. A new session takes a new channel: no cookie, no connection.
pub struct PhoneChannel {
    dialler: Dialler,
    server: SocketAddr,
    echo: CookieEcho,
    keep_alive: bool,
    cookie: Option<HeaderValue>,
    connection: Option<Connection>,
    /// Time spent on connections so far.
    pub(crate) connecting: Duration,
    /// Connections made so far.
    pub(crate) connections: u32,
}

impl PhoneChannel {
    /// A channel to `server`; the connection is made with the first request.
    #[must_use]
    pub fn new(dialler: Dialler, server: SocketAddr, echo: CookieEcho, keep_alive: bool) -> Self {
        Self {
            dialler,
            server,
            echo,
            keep_alive,
            cookie: None,
            connection: None,
            connecting: Duration::ZERO,
            connections: 0,
        }
    }

    /// The cookie as it goes back to the server.
    #[must_use]
    pub fn cookie(&self) -> Option<&HeaderValue> {
        self.cookie.as_ref()
    }

    /// Set the cookie, for tests that steal one.
    pub fn set_cookie(&mut self, cookie: Option<HeaderValue>) {
        self.cookie = cookie;
    }

    /// Drop the connection, so that the next request makes a new one.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Connections made so far in this session.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// POST any bytes with the session's cookie and take the answer as it is.
    ///
    /// A kept connection that the server closed in between is replaced once: nothing of the request has
    /// left then.
    ///
    /// # Errors
    /// [`ChannelError`] when there is no connection or no complete answer.
    pub async fn post(&mut self, body: impl Into<Bytes>) -> Result<Answer, ChannelError> {
        let body = body.into();
        let kept = self.connection.is_some();
        let answer = match self.post_once(body.clone()).await {
            Err(ChannelError::Request(error)) if kept && error.is_not_sent() => {
                self.connection = None;
                self.post_once(body).await?
            }
            other => other?,
        };
        self.keep_first_cookie(&answer);
        if !self.keep_alive || answer.closes() {
            self.connection = None;
        }
        Ok(answer)
    }

    async fn post_once(&mut self, body: Bytes) -> Result<Answer, ChannelError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let begin = Instant::now();
                let connection = self.dialler.connect(self.server).await.map_err(ChannelError::Connect)?;
                self.connecting += begin.elapsed();
                self.connections += 1;
                none.insert(connection)
            }
        };
        let answer = connection.post(body, self.cookie.as_ref(), self.keep_alive).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer.map_err(ChannelError::Request)
    }

    fn keep_first_cookie(&mut self, answer: &Answer) {
        if self.cookie.is_some() {
            return;
        }
        let Some(first) = answer.headers.get(SET_COOKIE) else { return };
        self.cookie = match self.echo {
            CookieEcho::None => None,
            CookieEcho::WithAttributes => Some(first.clone()),
            CookieEcho::Plain => {
                let pair = first.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
                HeaderValue::from_bytes(pair.trim_ascii()).ok()
            }
        };
    }
}

/// A request of a session failed.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// There was no connection to send it on.
    #[error("connecting for a request")]
    Connect(#[source] ConnectError),
    /// It was not answered.
    #[error("exchanging a request")]
    Request(#[source] RequestError),
}
