//! Posts one body over keep-alive connections for a while, all from a single thread so that little of the machine is
//! taken from the server, and prints as JSON how many answers came and how long each took.

mod arguments;
mod connection;
mod request;
mod response;
mod run;
mod summary;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = arguments::Arguments::parse(std::env::args().skip(1)).and_then(|arguments| run::run(&arguments));
    match result {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("load: {message}");
            ExitCode::FAILURE
        }
    }
}
