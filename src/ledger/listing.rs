//! Servers as the API shows them: one page, or one with its history.

use tidegate_engine::ServerId;
use tidegate_wire::native::Written;

use super::documents::{History, ServerDocument, SpellDocument};
use super::policies;
use super::protocol::Filter;
use super::servers::{self, Server};
use super::site::Site;
use super::transitions::{self, TransitionDocument};
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Sql, SqlError, values};

const MAX_SERVER_EVIDENCE: i64 = 192;

/// One page of servers, by id.
pub fn page(sql: &Sql, site: &Site<'_>, filter: &Filter, range: &Range) -> Result<Page<ServerDocument>, SqlError> {
    let which = "WHERE id > ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR stage = ?3)
        AND (?4 IS NULL OR INSTR(id, ?4) > 0 OR INSTR(LOWER(name), ?4) > 0)
        AND (?5 IS NULL OR ?5 = (id IN (SELECT server FROM exemption WHERE expires_at > ?6))) ORDER BY id LIMIT ?7";
    let rows = servers::readable(
        sql,
        which,
        values![
            range.cursor.as_deref().unwrap_or_default(),
            filter.state.clone(),
            filter.stage.map(i64::from),
            filter.q.as_ref().map(|part| part.to_ascii_lowercase()),
            filter.exempt.map(i64::from),
            site.now.0,
            i64::from(range.limit) + 1
        ],
    )?;
    let Page { items, next } = Page::of(rows, range, |server| server.id.to_string());
    Ok(Page { items: show(sql, site, items)?, next })
}

pub fn one(sql: &Sql, site: &Site<'_>, id: &ServerId) -> Result<Option<ServerDocument>, SqlError> {
    let server = show(sql, site, servers::get(sql, id)?.into_iter().collect())?.pop();
    server.map(|server| Ok(server.with_history(history(sql, id)?))).transpose()
}

/// A server's spells, transitions and evidence, newest first, as the API shows them.
fn history(sql: &Sql, id: &ServerId) -> Result<History, SqlError> {
    let transitions = transitions::of(sql, id)?;
    let evidence = "SELECT node, at, field, component, build, telling, received FROM evidence WHERE server = ?1
        ORDER BY number DESC LIMIT ?2";
    let evidence = sql.records(evidence, values![id.as_str(), MAX_SERVER_EVIDENCE])?;
    let mut spells = Vec::new();
    let mut end = None;
    for TransitionDocument { at, kind, .. } in &transitions {
        match kind.as_str() {
            "patched" | "silent" => end = Some((Written(*at), kind.clone())),
            "detected" | "resumed" => {
                let (ended_at, end) = end.take().unzip();
                spells.push(SpellDocument { detected_at: Written(*at), ended_at, end });
            }
            _ => {}
        }
    }
    Ok(History { spells, transitions, evidence })
}

fn show(sql: &Sql, site: &Site<'_>, servers: Vec<Server>) -> Result<Vec<ServerDocument>, SqlError> {
    let policy = policies::current(sql)?;
    let judge = site.judge(&policy);
    servers.into_iter().map(|server| ServerDocument::new(server, &judge, site.now)).collect()
}
