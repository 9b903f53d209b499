//! The actions that fail2ban brings: which of them ban, and what the others do.

/// What a ban of a stock action closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Its ports, unless its `type` says `allports`.
    Ports,
    /// Every port of its protocols.
    AllPorts,
    /// Everything that the offender sends.
    Everything,
}

/// The stock actions that keep offenders out on this machine.
const BANS: [(&str, Reach); 31] = [
    ("apf", Reach::Everything),
    ("bsd-ipfw", Reach::Ports),
    ("firewallcmd-allports", Reach::AllPorts),
    ("firewallcmd-ipset", Reach::Ports),
    ("firewallcmd-multiport", Reach::Ports),
    ("firewallcmd-new", Reach::Ports),
    ("firewallcmd-rich-logging", Reach::Ports),
    ("firewallcmd-rich-rules", Reach::Ports),
    ("hostsdeny", Reach::Everything),
    ("ipfilter", Reach::Everything),
    ("ipfw", Reach::Ports),
    ("iptables", Reach::Ports),
    ("iptables-allports", Reach::AllPorts),
    ("iptables-ipset", Reach::Ports),
    ("iptables-ipset-proto4", Reach::Ports),
    ("iptables-ipset-proto6", Reach::Ports),
    ("iptables-ipset-proto6-allports", Reach::AllPorts),
    ("iptables-multiport", Reach::Ports),
    ("iptables-multiport-log", Reach::Ports),
    ("iptables-new", Reach::Ports),
    ("iptables-xt_recent-echo", Reach::AllPorts),
    ("nftables", Reach::Ports),
    ("nftables-allports", Reach::AllPorts),
    ("nftables-multiport", Reach::Ports),
    ("npf", Reach::Everything),
    ("osx-afctl", Reach::Everything),
    ("osx-ipfw", Reach::Ports),
    ("pf", Reach::Ports),
    ("route", Reach::Everything),
    ("shorewall", Reach::Everything),
    ("shorewall-ipset-proto6", Reach::Everything),
];

/// More of them, which close everything under names of their own.
const WHOLE: [&str; 2] = ["symbiosis-blacklist-allports", "ufw"];

/// What some of them do, for which we have our own advice.
pub(super) const MAIL: &str = "it sends mail";

/// What the stock actions that do not ban here do, by the beginnings of their names.
const OTHERS: [(&str, &str); 18] = [
    ("abuseipdb", "it reports offenders to AbuseIPDB"),
    ("apprise", "it sends a message through Apprise"),
    ("blocklist_de", "it reports offenders to blocklist.de"),
    ("cloudflare", "it keeps offenders out at Cloudflare"),
    ("complain", "it writes complaints to the offender's network"),
    ("dshield", "it reports offenders to DShield"),
    ("dummy", "it writes a file, for tests"),
    ("ipthreat", "it reports offenders to IPThreat"),
    ("mail", MAIL),
    ("mynetwatchman", "it reports offenders to myNetWatchman"),
    ("netscaler", "it keeps offenders out at a NetScaler"),
    ("nginx-block-map", "it has nginx refuse offenders"),
    ("nsupdate", "it writes offenders into a zone of DNS"),
    ("sendmail", MAIL),
    ("smtp", MAIL),
    ("xarf", "it writes reports to the offender's network"),
    ("badips", "it reports offenders to badips.com, which is no more"),
    ("helpers", "it helps other actions"),
];

/// What makes an action of the user's own one that bans: the programs that do.
const PROGRAMS: [&str; 10] = [
    "iptables",
    "ip6tables",
    "nft ",
    "ipset ",
    "ufw ",
    "firewall-cmd",
    "shorewall",
    "ip route",
    "ip -6 route",
    "hosts.deny",
];

/// What a stock action closes; none when it is no stock action that bans.
pub(super) fn reach(name: &str) -> Option<Reach> {
    if WHOLE.contains(&name) {
        return Some(Reach::Everything);
    }
    BANS.iter().find(|(known, _)| *known == name).map(|(_, reach)| *reach)
}

/// What a stock action does instead of banning here.
pub(super) fn other(name: &str) -> Option<&'static str> {
    OTHERS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, what)| *what)
}

/// Whether commands ban somebody here.
pub(super) fn bans(commands: &str) -> bool {
    PROGRAMS.iter().any(|program| commands.contains(program))
}
