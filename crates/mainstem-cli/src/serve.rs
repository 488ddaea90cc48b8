//! `mainstem serve`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use mainstem_env::{Env, raise_open_files_limit};
use mainstem_server::Server;
use mainstem_streams::Streams;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Flags, Settings};

/// Run the server that stock AWS clients talk to.
///
/// Everything is acknowledged only after it is synced to the disk. Credentials are not checked yet,
/// so the server listens on loopback addresses only. SIGTERM and Ctrl-C stop it in good order.
///
/// Settings come from mainstem.toml in the working directory, then from variables named MAINSTEM_*
/// (MAINSTEM_DATA, MAINSTEM_LISTEN, MAINSTEM_REGION, MAINSTEM_ACCOUNT, MAINSTEM_TRANSITION_MS,
/// MAINSTEM_DRAIN_TIMEOUT_MS), then from these flags. MAINSTEM_LOG=info says more about what the
/// server does.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "the text is the command's help")]
pub(crate) struct Serve {
    /// Where the data lives; created if it is not there [default: ./mainstem-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen, a loopback address; port 0 picks a free one [default: 127.0.0.1:4567]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A configuration file to read instead of mainstem.toml
    #[arg(long, value_name = "FILE", env = "MAINSTEM_CONFIG")]
    config: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let flags = Flags {
            data: self.data,
            listen: self.listen,
        };
        let settings = Settings::load(self.config.as_deref(), &flags)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the threads of the server")?;
        runtime.block_on(serve(settings))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn serve(settings: Settings) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let env = Env::real();
    if let Err(error) = raise_open_files_limit() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let streams_config = settings.streams()?;
    let streams = {
        let (env, data) = (env.clone(), settings.data.clone());
        // Opening recovers what a crash left, which reads and syncs files.
        tokio::task::spawn_blocking(move || Streams::open(&env, &data, streams_config))
            .await
            .context("opening the data directory panicked")?
            .with_context(|| format!("cannot open the data in {}", settings.data.display()))?
    };
    let bound = Server::bind(settings.server(), env, streams.clone()).await;
    let served: Result<()> = match bound {
        Ok(server) => {
            // A reader of our output that went away is no reason not to serve.
            let _unheard = greet(&settings, server.local_addr());
            let stop = async {
                std::future::poll_fn(|context| {
                    let terminated = terminate.poll_recv(context).is_ready();
                    let interrupted = interrupt.poll_recv(context).is_ready();
                    if terminated || interrupted {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
                say("stopping: requests under way are finished first");
            };
            server.serve(stop).await;
            Ok(())
        }
        Err(error) => Err(error.into()),
    };
    let closed = tokio::task::spawn_blocking(move || streams.close())
        .await
        .context("closing the data directory panicked")?;
    served?;
    closed.context("the data was not closed in good order; nothing acknowledged is lost")?;
    say("stopped in good order");
    Ok(())
}

fn say(line: &str) {
    // A reader of our output that went away is no reason to stop serving.
    let _unheard = writeln!(io::stdout(), "{line}");
}

fn greet(settings: &Settings, address: SocketAddr) -> Result<()> {
    let url = format!("http://{address}");
    let data = settings.data.canonicalize();
    let data = data.as_ref().unwrap_or(&settings.data).display();
    let mut out = io::stdout().lock();
    writeln!(out, "mainstem {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "listening on {url}")?;
    writeln!(out, "data in {data}")?;
    writeln!(
        out,
        "durability: every acknowledged record is synced to the disk first"
    )?;
    writeln!(
        out,
        "credentials: any are accepted, signatures are not checked yet; loopback only"
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "try, in another shell, with any credentials in the environment:"
    )?;
    let aws = format!("aws --endpoint-url {url} --region {}", settings.region);
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any"
    )?;
    writeln!(
        out,
        "  {aws} kinesis create-stream --stream-name test --shard-count 2"
    )?;
    writeln!(
        out,
        "  {aws} kinesis put-record --stream-name test --partition-key user1 \\\n      --data \"user signup\" --cli-binary-format raw-in-base64-out"
    )?;
    writeln!(out, "  {aws} kinesis describe-stream --stream-name test")?;
    out.flush()?;
    Ok(())
}
