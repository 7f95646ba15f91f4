//! Random lives of several machines of one name: what they run, how their mail comes, and what its header says.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tidegate_engine::{Connector, DAY, HOUR, Header, MINUTE, MailEvent, Mode, Policy, Timestamp};

/// 2025-11-01: ten months before the newest edition of `microsoft`.
const EPOCH: Timestamp = Timestamp(1_761_955_200);
const LIFE_DAYS: i64 = 420;
const BUILDS: [&str; 10] = [
    "15.1.2507.12",
    "15.1.2507.39",
    "15.1.2507.61",
    "15.1.2507.66",
    "15.2.1544.25",
    "15.2.1544.36",
    "15.2.1748.26",
    "15.2.1748.39",
    "15.2.2562.45",
    "15.0.1497.48",
];
/// Builds that no requirement of `microsoft` accepts during such a life.
const FAILING: [&str; 3] = ["15.1.2507.12", "15.0.1497.48", "15.1.2375.37"];
const RELAYS: &str = r#""trusted_relays":[{"host":"relay.example.net","networks":["192.0.2.0/24"]}]"#;
const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 5));
const TLS: &str = "(version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)";

/// Xorshift: the same numbers for the same life.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn seconds(&mut self, up_to: i64) -> i64 {
        i64::try_from(self.below(up_to.unsigned_abs())).unwrap()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// What all machines of a life run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Runs {
    /// Anything, under whatever policy.
    Anything,
    /// What no requirement accepts, under one policy.
    Failing,
}

/// One machine behind the name.
pub(crate) struct Machine {
    address: u8,
    /// It has another address each day.
    dhcp: bool,
    /// Seconds by which its clock is wrong.
    skew: i64,
    /// A message every so many seconds.
    every: i64,
    /// What it runs from when on.
    installed: Vec<(Timestamp, &'static str)>,
    relayed: bool,
    /// It takes Exchange Online's mail to the outside, and has some of its own go through Exchange Online.
    hybrid: bool,
    /// As which the gateway verified it.
    pub(crate) login: Option<String>,
    /// From where it connects.
    pub(crate) outside: Outside,
}

/// The addresses from which a machine connects.
#[derive(Clone, Copy)]
pub(crate) enum Outside {
    Fixed,
    /// Another one each so many seconds, out of few that the machines of a life take in turn.
    Pool(i64),
    /// Another one each so many seconds, which nobody had before.
    Fresh(i64),
    /// Another host of a /64 with each message, and another /64 each so many seconds, which nobody had before.
    Ipv6(i64),
}

/// By which way a message leaves its machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    Direct,
    /// Exchange Online's mail: its hops stand below the machine's.
    FromCloud,
    /// Exchange Online hands it over: its hops stand above the machine's.
    ThroughCloud,
}

/// A message on its way.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) arrives: Timestamp,
    pub(crate) stamped: Timestamp,
    pub(crate) machine: usize,
    pub(crate) number: u64,
    pub(crate) build: &'static str,
    pub(crate) route: Route,
}

pub(crate) struct Life {
    pub(crate) connector: Connector,
    /// The name stands for one machine at a time, as a database availability group's does.
    fails_over: bool,
    pub(crate) policies: Vec<(Timestamp, Policy)>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) mails: Vec<Mail>,
}

fn enforcing(baseline: &str) -> Policy {
    let scope = r#"["on_premises","partner","internet"]"#;
    let json =
        format!(r#"{{"mode":"enforce","scope":{scope},"baseline":{baseline},"enforce_behind_relays":false,{RELAYS}}}"#);
    serde_json::from_str(&json).unwrap()
}

impl Life {
    pub(crate) fn random(random: &mut Random, runs: Runs) -> Self {
        let connector = match random.below(5) {
            0 => Connector::Internet,
            1 => Connector::Partner,
            _ => Connector::OnPremises,
        };
        let mut policies = vec![(EPOCH, enforcing(r#""microsoft""#))];
        if runs == Runs::Anything {
            policies.extend(changes(random));
        }
        let count = 1 + random.below(4);
        let mut machines: Vec<_> = (0..count).map(|index| Machine::random(random, index, runs, connector)).collect();
        let fails_over = connector == Connector::OnPremises && count > 1 && random.one_in(4);
        let mut active = vec![(EPOCH, 0)];
        if fails_over {
            let every = random.pick(&[DAY, 2 * DAY, 4 * DAY]);
            machines.iter_mut().for_each(|machine| machine.every = every);
            for _ in 0..random.below(40) {
                let (since, _) = active[active.len() - 1];
                active.push((since.plus(1 + random.seconds(20 * DAY)), usize::try_from(random.below(count)).unwrap()));
            }
        }
        let sends = |machine, at| {
            !fails_over || active.iter().rfind(|(since, _)| *since <= at).is_some_and(|(_, active)| *active == machine)
        };
        let mut mails = Vec::new();
        for (index, machine) in machines.iter().enumerate() {
            machine.send(random, index, |at| sends(index, at), &mut mails);
        }
        mails.sort_by_key(|mail| mail.arrives);
        Self { connector, fails_over, policies, machines, mails }
    }

    /// The message as the gateway that takes it describes it.
    pub(crate) fn event(&self, mail: &Mail) -> MailEvent<'static> {
        let machine = &self.machines[mail.machine];
        let client_ip = if machine.relayed { RELAY } else { machine.client(mail, self.machines.len()) };
        let login = if machine.relayed { Some("relay.example.net") } else { machine.login.as_deref() };
        MailEvent {
            tenant: "contoso".parse().unwrap(),
            connector: self.connector,
            client_ip: Some(client_ip),
            client_auth: login.map(|login| login.parse().unwrap()),
            own_hops: 0,
            recipients: vec!["ben@example.org".into()],
            header: Header::Block(machine.header(mail, self.machines.len()).into_bytes().into()),
        }
    }

    /// Of which kind the life is, and by which way the message came.
    pub(crate) fn kind(&self, mail: &Mail) -> String {
        let machine = &self.machines[mail.machine];
        let told_by = match (self.connector, &machine.login, machine.outside) {
            (Connector::OnPremises, ..) if self.fails_over => "name of a group",
            (Connector::OnPremises, ..) => "name",
            (_, Some(_), _) if !machine.relayed => "login",
            (.., Outside::Ipv6(_)) => "IPv6 network",
            _ => "address",
        };
        let way = if mail.route == Route::FromCloud { "from Exchange Online" } else { "direct" };
        format!("{told_by}, {way}")
    }

    /// Which server the message is of.
    pub(crate) fn server(&self, mail: &Mail) -> String {
        let machine = &self.machines[mail.machine];
        match (self.connector, &machine.login, machine.client(mail, self.machines.len())) {
            (Connector::OnPremises, ..) => "ex01.contoso.com".into(),
            (_, Some(login), _) if !machine.relayed => format!("ex01.contoso.com@{login}"),
            (_, _, IpAddr::V4(address)) => format!("ex01.contoso.com@{address}"),
            (_, _, IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("ex01.contoso.com@{}", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

fn changes(random: &mut Random) -> Vec<(Timestamp, Policy)> {
    let strict = r#"{"name":"own","editions":[{"effective":"2026-02-01","products":{"Exchange Server 2016":{"minimum":["15.1.2507.39"]},
        "Exchange Server 2019":{"minimum":["15.2.1544.36","15.2.1748.26"]}}},{"effective":"2026-06-01","products":{"Exchange Server 2016":
        {"minimum":["15.1.2507.61"]},"Exchange Server 2019":{"minimum":["15.2.1544.36","15.2.1748.39"]},"Exchange Server 2013":"unsupported"}}]}"#;
    let mut at = EPOCH;
    let mut policies = Vec::new();
    for _ in 0..random.below(4) {
        at = at.plus(random.seconds(150 * DAY) + 1);
        let baseline = random.pick(&[r#""microsoft""#, r#""strict""#, r#""exploited""#, strict]);
        let mut next = enforcing(baseline);
        if random.one_in(4) {
            next.mode = Mode::Report;
        }
        if random.one_in(6) {
            next.scope = vec![Connector::OnPremises];
        }
        next.enforce_behind_relays = random.one_in(3);
        policies.push((at, next));
    }
    policies
}

impl Machine {
    fn random(random: &mut Random, index: u64, runs: Runs, connector: Connector) -> Self {
        let failing = runs == Runs::Failing;
        let mut installed = vec![(EPOCH, random.pick(if failing { &FAILING } else { &BUILDS }))];
        for _ in 0..if failing { 0 } else { random.below(5) } {
            let since = installed[installed.len() - 1].0.plus(random.seconds(120 * DAY));
            installed.push((since, random.pick(&BUILDS)));
        }
        let hybrid = random.one_in(5);
        let login = (connector != Connector::OnPremises && random.one_in(3)).then(|| format!("login{index}"));
        // faster than the ladder, or so that it can be followed
        let moves = if random.one_in(2) { 1 + random.seconds(29) } else { 60 + random.seconds(120) } * DAY;
        let outside = match random.below(6) {
            // who fails has to be found by its address
            _ if failing && login.is_none() => Outside::Fixed,
            0 => Outside::Pool(moves),
            1 => Outside::Fresh(moves),
            2 => Outside::Ipv6(moves),
            _ => Outside::Fixed,
        };
        Self {
            address: u8::try_from(index + 1).unwrap(),
            dhcp: random.one_in(6),
            skew: match random.below(6) {
                0 => random.seconds(6 * HOUR) - 3 * HOUR,
                1 => (random.seconds(8) - 4) * 365 * DAY,
                _ => 0,
            },
            // from daily to every 29 days at most
            every: random.pick(if hybrid { &[DAY, 2 * DAY] } else { &[DAY, 2 * DAY, 5 * DAY, 10 * DAY, 19 * DAY] }),
            installed,
            relayed: !failing && random.one_in(5),
            hybrid,
            login,
            outside,
        }
    }

    /// Its mail of all its life, but for what it does not send.
    fn send(&self, random: &mut Random, index: usize, sends: impl Fn(Timestamp) -> bool, mails: &mut Vec<Mail>) {
        let end = EPOCH.plus(LIFE_DAYS * DAY);
        let mut at = EPOCH.plus(random.seconds(self.every));
        while at < end {
            let stamped = at;
            at = at.plus(self.every / 2 + random.seconds(self.every));
            if !sends(stamped) {
                continue;
            }
            let (_, build) = *self.installed.iter().rfind(|(since, _)| *since <= stamped).unwrap();
            let queued = match random.below(40) {
                0 => random.seconds(6 * DAY),
                1..4 => random.seconds(6 * HOUR),
                _ => random.seconds(2 * MINUTE),
            };
            let route = match random.below(3) {
                0 if self.hybrid => Route::FromCloud,
                1 if self.hybrid => Route::ThroughCloud,
                _ => Route::Direct,
            };
            let (arrives, number) = (stamped.plus(queued), mails.len() as u64);
            let mail = Mail { arrives, stamped, machine: index, number, build, route };
            if random.one_in(30) {
                // the sender tries again, at another gateway
                mails.push(Mail { arrives: arrives.plus(10 * MINUTE), ..mail.clone() });
            }
            mails.push(mail);
        }
    }

    /// From where it connects with this message. `count` machines share a pool.
    fn client(&self, mail: &Mail, count: usize) -> IpAddr {
        let index = u16::from(self.address);
        let nth = |moves: i64| u16::try_from(mail.arrives.since(EPOCH) / moves).unwrap();
        match self.outside {
            Outside::Fixed => [203, 0, 113, self.address].into(),
            Outside::Pool(moves) => {
                let [_, taken] = (nth(moves).wrapping_add(index) % u16::try_from(count + 2).unwrap()).to_be_bytes();
                [203, 0, 113, 100 + taken].into()
            }
            Outside::Fresh(moves) => {
                let [high, low] = nth(moves).to_be_bytes();
                [198, 18 + high, low, self.address].into()
            }
            Outside::Ipv6(moves) => {
                let [_, .., host] = mail.number.to_be_bytes();
                Ipv6Addr::new(0x2001, 0xdb8, index, nth(moves), 0, 0, 0, host.into()).into()
            }
        }
    }

    /// As the gateway that takes the message hands it over.
    fn header(&self, mail: &Mail, count: usize) -> String {
        let Mail { number, build, .. } = mail;
        let day = if self.dhcp { mail.stamped.0.div_euclid(DAY).rem_euclid(200) } else { 0 };
        let date = chrono::DateTime::from_timestamp(mail.stamped.plus(self.skew).0, 0).unwrap().to_rfc2822();
        let mut header = String::new();
        if self.relayed {
            let client = self.client(mail, count);
            let _ = write!(
                header,
                "Received: from EX01.contoso.com (ex01.contoso.com [{client}])\r\n by mx.relay.example.net (Postfix) with ESMTPS id A{number:X}; {date}\r\n",
            );
        }
        let fold = if number.is_multiple_of(2) { "\r\n " } else { "\n\t" };
        let cloud = |from: &str, by: &str| {
            format!(
                "Received: from {from} (2603:10a6:10:4::8) by{fold}{by} (2603:10a6:803:50::22) with Microsoft SMTP Server{fold}{TLS} id{fold}15.20.9115.{}; {date}\r\n",
                number % 40
            )
        };
        if mail.route == Route::ThroughCloud {
            header += &cloud("DB7PR04MB4666.eurprd04.prod.outlook.com", "AM6PR04MB5222.eurprd04.prod.outlook.com");
            header += &cloud("EX01.contoso.com", "VI1PR03CA0051.eurprd03.prod.outlook.com");
        }
        let from = if mail.route == Route::FromCloud {
            "NAM10-DM6-obe.outbound.protection.outlook.com (104.47.58.100)".to_owned()
        } else {
            format!("app{number} (10.{day}.1.9)")
        };
        let _ = write!(
            header,
            "Received: from {from} by EX01.contoso.com{fold}(10.{day}.0.{}) with Microsoft SMTP Server{fold}{TLS} id{fold}{build}; {date}\r\n",
            self.address
        );
        if mail.route == Route::FromCloud {
            header += &cloud("MWHPR21MB0512.namprd21.prod.outlook.com", "DM6PR10MB2890.namprd10.prod.outlook.com");
            header += &cloud("MWHPR21MB0512.namprd21.prod.outlook.com", "MWHPR21MB0512.namprd21.prod.outlook.com");
        }
        header
    }
}
