// Faults in how fields are read, whose they are, and which build they show.

export default [
  {
    file: "received/exchange.rs",
    first: ["lib", "recognition", "cases"],
    faults: [
      [
        "a stamp without a date shows a build",
        "read_date(&mut cursor).ok_or(undated)?;",
        "read_date(&mut cursor).or(date.trim_ascii().is_empty().then_some(Timestamp(0))).ok_or(StampDeviation::Date)?;",
      ],
      [
        "a stamp whose date cannot be read shows a build",
        "read_date(&mut cursor).ok_or(undated)?;",
        "read_date(&mut cursor).or((!date.trim_ascii().is_empty()).then_some(Timestamp(0))).ok_or(StampDeviation::Cut)?;",
      ],
      [
        "something may stand behind the date",
        "(ends && same_day).then(",
        "((ends || minutes < 60) && same_day).then(",
      ],
      ["the day of the week is any", "(ends && same_day).then(", "(ends && (same_day || !same_day)).then("],
      ["an hour may have 90 minutes", "cursor.rest().is_empty() && minutes < 60", "cursor.rest().is_empty()"],
      [
        "zones are read the other way",
        "if sign == b'+' { 1 } else { -1 }",
        "if sign == b'+' { -1 } else { 1 }",
      ],
      [
        "words may stand behind the build",
        '    if !cursor.take(b";") {',
        '    while !cursor.word().is_empty() || cursor.blank() {}\n    if !cursor.take(b";") {',
      ],
      [
        "a recipient may stand behind the build",
        '    if !cursor.take(b";") {',
        `    if cursor.words(&[b"for"]) {
        let _ = (cursor.take(b"<"), cursor.word(), cursor.take(b">"), cursor.blank());
    }
    if !cursor.take(b";") {`,
      ],
      [
        "a quoted string names a host",
        "let literal = cursor.bracketed(b'[', b']').filter(",
        "let literal = cursor.bracketed(b'[', b']').or_else(|| cursor.bracketed(b'\"', b'\"')).filter(",
      ],
      [
        "an address names a server",
        "host(&mut cursor).filter(|by| !by.is_literal).ok_or(",
        "host(&mut cursor).ok_or(",
      ],
      ["a literal may hold blanks", "!text.is_empty() && !text.contains(&b' ')", "!text.is_empty()"],
      [
        "something may be glued to a literal",
        "name.is_empty() || (!cursor.blank() && !cursor.rest().is_empty())",
        "name.is_empty() || (!cursor.blank() && cursor.rest().is_empty())",
      ],
      [
        "Pickup is the transport",
        "if is_pickup && protocol",
        "if is_pickup && build == Stamp::Absent && protocol",
      ],
      [
        "a peer that calls itself Pickup is Pickup",
        'from.name == b"Pickup" && from.address.is_none()',
        'from.name == b"Pickup"',
      ],
      [
        "an id that is no build is none at all",
        "true => Stamp::Build(Build::from_bytes(cursor.word()).ok_or(StampDeviation::Id)?),",
        "true => Build::from_bytes(cursor.word()).map_or(Stamp::Absent, Stamp::Build),",
      ],
      [
        "anything may stand beside the protocol",
        'if tls != b"TLS" && !is_tls(tls) {',
        'if tls != b"TLS" && !is_tls(tls) && false {',
      ],
    ],
  },
  {
    file: "received.rs",
    first: ["lib", "recognition", "cases"],
    faults: [
      [
        "what is nearly Exchange's is other software's",
        "    if clauses.has_words_of_exchange {\n        return Err(deviation);\n    }\n",
        "",
      ],
      [
        "what is nearly Exchange's and cannot be read is not counted",
        "        Err(_) if has_words_of_exchange(value) => return Err(deviation),\n",
        "",
      ],
    ],
  },
  {
    file: "received/clauses.rs",
    first: ["lib", "recognition", "cases"],
    faults: [
      [
        "BY may be there twice",
        "            Clause::From | Clause::By if again => return Err(Unreadable::Malformed),\n",
        "",
      ],
      [
        "FROM may stand behind another clause",
        "            Some(Clause::From) if clause != Clause::Start => return Err(Unreadable::Malformed),\n",
        "",
      ],
      [
        "a clause may stand behind the date",
        "            Some(_) if clause == Clause::Date => return Err(Unreadable::Malformed),\n",
        "",
      ],
      [
        "the first address of a comment is the peer's",
        "comment.iter().rposition(|octet| *octet == b'[')",
        "comment.iter().position(|octet| *octet == b'[')",
      ],
      [
        "a HELO behind the address is the peer's",
        "told.unwrap_or(comment.len())",
        "told.map_or(comment.len(), |_| comment.len())",
      ],
      [
        "a HELO in front of the address is the peer's",
        "told.and(self.literal).and_then(parse_address)",
        "self.literal.and_then(parse_address)",
      ],
      [
        "an address in two kinds of brackets is none",
        "return self.literal.and_then(bracketed_address);",
        "return self.literal.and_then(parse_address);",
      ],
      ["a comment about encryption hides the address", ' || begins(b"using ")', ""],
      ["a HELO in a comment hides the address", 'begins(b"helo") || begins(b"ehlo")', 'begins(b"ehlo")'],
      [
        "the last comment tells the address",
        "Kind::Comment if self.comment.is_none() => self.comment = Some(token.text),",
        "Kind::Comment if self.second_comment.is_none() => self.comment = Some(token.text),",
      ],
      [
        "a second comment names no other address",
        ".filter(|address| second.is_none_or(|second| second == *address))",
        ".filter(|_| second.is_none_or(|_| true))",
      ],
    ],
  },
  {
    file: "received/lexer.rs",
    first: ["lib", "recognition", "cases"],
    faults: [
      ["comments do not nest", "b'(' => depth += 1,", "b'(' if depth == 0 => depth += 1,"],
      [
        "a backslash quotes nothing in a string",
        "octet if octet == close => return Some(at),\n            b'\\\\' => at += 1,",
        "octet if octet == close => return Some(at),",
      ],
      [
        "a backslash quotes nothing in a comment",
        "b')' => depth -= 1,\n            b'\\\\' => at += 1,",
        "b')' => depth -= 1,",
      ],
    ],
  },
  {
    file: "route.rs",
    first: ["cases", "recognition", "lib"],
    faults: [
      [
        "fields that came from elsewhere are the gateway's own",
        "Some(_) => return disbelieved(last),",
        "Some(_) => OwnHops::Unverified,",
      ],
      [
        "a gateway that hands to itself is not believed",
        "Some(client) if client.is_loopback() && first == Some(Some(client)) => OwnHops::Verified,\n        ",
        "",
      ],
      [
        "whoever is first the client's is all the gateway's own",
        "client.is_loopback() && first == Some(Some(client))",
        "first == Some(Some(client))",
      ],
      ["a gateway writes as Exchange does", "if is_exchange(&field) {", "if false && is_exchange(&field) {"],
      ["a relay has any name", "connects(relay) && relay.is_named(step.by_host)", "connects(relay)"],
      [
        "a relay connects from anywhere",
        "connects(relay) && relay.is_named(step.by_host)",
        "relay.is_named(step.by_host)",
      ],
      [
        "a relay that hands to itself has any name",
        "itself.filter(|relay| relay.is_named(step.by_host))",
        "itself",
      ],
      ["a relay hands to itself by its socket alone", "(step.is_local || step.peer", "(step.peer"],
      [
        "below a hop without FROM the relay's address is forgotten",
        "vouched = if step.is_local { vouched } else { step.peer };",
        "vouched = step.peer;",
      ],
      [
        "below a hop without FROM the relay's address vouches for a server",
        "skipped = Skipped { behind_relay: true, peer: step.peer };\n        vouched = if step.is_local { vouched } else { step.peer };",
        "vouched = if step.is_local { vouched } else { step.peer };\n        skipped = Skipped { behind_relay: true, peer: vouched };",
      ],
      [
        "the client's address vouches for every relay",
        "vouched = if step.is_local { vouched } else { step.peer };",
        "vouched = vouched.or(step.peer);",
      ],
      [
        "a relay does not hand to itself by loopback",
        "step.peer.is_some_and(|peer| peer.is_loopback())",
        "step.peer.is_some_and(|_| false)",
      ],
      [
        "a relay's hop that was cut is looked through",
        "let Some(step) = parse_step(field.value).filter(|_| !field.cut) else",
        "let Some(step) = parse_step(field.value) else",
      ],
      [
        "qmail's two fields are two hops",
        "if is_comment_only(field.value) {",
        "if false && is_comment_only(field.value) {",
      ],
    ],
  },
  {
    file: "recognition.rs",
    first: ["cases", "recognition", "lib"],
    faults: [
      ["a stamp of another product counts", "if !same_product || !is_near {", "if !is_near {"],
      ["a stamp of another hour counts", "if !same_product || !is_near {", "if !same_product {"],
      [
        "a stamp of the next hour counts",
        "RUN_SECONDS: u64 = HOUR.unsigned_abs()",
        "RUN_SECONDS: u64 = 2 * HOUR.unsigned_abs()",
      ],
      ["another host's stamp counts", "parse_exchange_of(value, host)", "parse_exchange(value).ok()"],
      [
        "a stamp that was cut counts",
        "parse_exchange_of(value, host).filter(|_| !cut)",
        "parse_exchange_of(value, host)",
      ],
      [
        "the store shows the level better than the transport",
        "Component::Smtp => 2,\n        Component::Mapi => 1,",
        "Component::Smtp => 1,\n        Component::Mapi => 2,",
      ],
      ["the lowest stamp counts", "if rank(&hop) > rank(&best.hop) {", "if rank(&hop) >= rank(&best.hop) {"],
      [
        "a lane of the store contradicts the transport",
        "filter(|build| is_other && build.revision != 0)",
        "filter(|_| is_other)",
      ],
      [
        "the store contradicts itself",
        "other_component.filter(|_| best.hop.component == Component::Smtp)",
        "other_component",
      ],
      [
        "the lowest stamp of other components contradicts",
        "other_component = other_component.max(other_level(&hop));",
        "other_component = other_component.or(other_level(&hop)).min(other_level(&hop).or(other_component));",
      ],
      [
        "Pickup and ShadowRedundancy clear nobody",
        "matches!(hop.component, Component::Mapi | Component::Pickup | Component::ShadowRedundancy)",
        "matches!(hop.component, Component::Mapi)",
      ],
      [
        "a login at the relay vouches for a server behind it",
        "(Some(name), _) if !skipped.behind_relay =>",
        "(Some(name), _) =>",
      ],
      [
        "Pickup shows an update",
        "(Component::Pickup | Component::ShadowRedundancy |",
        "(Component::ShadowRedundancy |",
      ],
      [
        "ShadowRedundancy shows an update",
        "(Component::Pickup | Component::ShadowRedundancy |",
        "(Component::Pickup |",
      ],
      [
        "a lane shows an update",
        "Stamp::Build(build)) if build.revision == 0 => Shown::Lane",
        "Stamp::Build(build)) if build.revision > 9_999 => Shown::Lane",
      ],
      [
        "15.20 runs on-premises",
        "(build.major, build.minor) >= (15, 20)",
        "(build.major, build.minor) > (15, 20)",
      ],
      [
        "a field that was cut is read",
        "    if field.cut {\n        return Err(Unreadable::Cut);\n    }\n",
        "",
      ],
      [
        "what Exchange Online alone writes is unreadable",
        "parse_as_other(field.value).filter(|_| unreadable.is_nearly_exchange())",
        "parse_as_other(field.value).filter(|_| false && unreadable.is_nearly_exchange())",
      ],
      [
        "whatever is nearly Exchange's is other software",
        "hop.filter(|hop| catalog.is_exchange_online_host(hop.by_host)).ok_or(unreadable)",
        "hop.ok_or(unreadable)",
      ],
      ["plain IIS is Exchange", "if hop.also_by_iis {", "if false && hop.also_by_iis {"],
      [
        "Exchange Online is looked through",
        "    let Some((index, field)) = fields.next() else { return recognition };\n",
        `    let is_online = |field: &HeaderField<'_>| read(field, catalog).is_ok_and(|hop| is_exchange_online(&hop, catalog));
    let Some((index, field)) = fields.find(|(_, field)| !is_online(field)) else { return recognition };
`,
      ],
      [
        "who hands over Exchange Online's mail is Exchange Online",
        "    let Some((index, field)) = fields.next() else { return recognition };\n",
        `    let is_online = |field: &HeaderField<'_>| read(field, catalog).is_ok_and(|hop| is_exchange_online(&hop, catalog));
    let online = fields.clone().find(|(_, field)| is_online(field));
    let Some((index, field)) = online.or_else(|| fields.next()) else { return recognition };
`,
      ],
      [
        "an address stands before a login",
        "(Some(name), _) if !skipped.behind_relay =>",
        "(Some(name), None) if !skipped.behind_relay =>",
      ],
    ],
  },
  {
    file: "identity.rs",
    first: ["cases", "lib", "life"],
    faults: [
      [
        "on the internet a name alone is a server",
        "if connector == Connector::OnPremises {",
        "if connector != Connector::Partner {",
      ],
      [
        "a partner's name alone is a server",
        "if connector == Connector::OnPremises {",
        "if connector != Connector::Internet {",
      ],
      [
        "an on-premises server has a clock for each address",
        "if connector == Connector::OnPremises {",
        "if connector == Connector::OnPremises && matches!(voucher, Voucher::None) {",
      ],
      [
        "a login alone is a server",
        'Some(Self(format!("{name}@{}", login.as_str())))',
        'Some(Self(format!("login@{}", login.as_str())))',
      ],
      [
        "each address of a /64 is a server",
        'Some(Self(format!("{name}@{}", sender_network(address))))',
        'Some(Self(format!("{name}@{address}")))',
      ],
    ],
  },
  {
    file: "network.rs",
    first: ["lib", "cases"],
    faults: [["a sender commands a /48", "v6.to_bits() & !0 << 64", "v6.to_bits() & !0 << 80"]],
  },
];
