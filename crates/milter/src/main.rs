//! The program: arguments, signals, exit status.

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_milter::config::{Config, KEY_VARIABLE};
use tidegate_milter::daemon::Daemon;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
tidegate-milter: asks Tidegate about each message of Postfix or Sendmail and passes the reply on.

Usage: tidegate-milter [--config FILE] [--check-config]

  --config FILE    the configuration (default: /etc/tidegate/tidegate-milter.toml)
  --check-config   only tells whether configuration, key and certificates can be used
  --version        tells the version
  --help           tells this

The key of role gateway comes from the environment (TIDEGATE_KEY), from the file that `key_file` names, or from
systemd's credential `key`. Log lines, JSON, go to standard error. TERM and INT end the program once no message is
under way.
";
const DEFAULT_CONFIG: &str = "/etc/tidegate/tidegate-milter.toml";

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => return fail(2, &format!("{wrong}\nTry: tidegate-milter --help")),
    };
    if arguments.help {
        return tell(HELP);
    }
    if arguments.version {
        return tell(concat!("tidegate-milter ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let daemon = Config::read(&arguments.config).and_then(|config| {
        let key = config.key(std::env::var(KEY_VARIABLE).ok())?;
        Daemon::new(config, &key)
    });
    match daemon {
        Ok(_) if arguments.check => tell("The configuration can be used.\n"),
        Ok(daemon) => match run(daemon) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &error.to_string()),
        },
        Err(error) => fail(1, &error.to_string()),
    }
}

fn run(daemon: Daemon) -> std::io::Result<()> {
    // one thread carries thousands of messages a second; the others are for names that the system looks up
    let runtime = runtime::Builder::new_current_thread().max_blocking_threads(8).enable_all().build()?;
    let served = runtime.block_on(async {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        daemon.run(stop).await
    });
    // a look-up that hangs is not waited for
    runtime.shutdown_background();
    served
}

struct Arguments {
    config: PathBuf,
    check: bool,
    help: bool,
    version: bool,
}

impl Arguments {
    fn read(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { config: DEFAULT_CONFIG.into(), check: false, help: false, version: false };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--config" | "-c" => arguments.config = given.next().ok_or("--config: which file?")?.into(),
                "--check-config" => arguments.check = true,
                "--help" | "-h" => arguments.help = true,
                "--version" | "-V" => arguments.version = true,
                other => return Err(format!("{}: unknown argument", other.escape_debug())),
            }
        }
        Ok(arguments)
    }
}

fn tell(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(status: u8, text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "tidegate-milter: {text}");
    status.into()
}
