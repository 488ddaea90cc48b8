//! What `serve` can be told, and where from: defaults, then `mainstem.toml`, then variables named
//! `MAINSTEM_*`, then flags. Later ones win; a key in the file that nobody knows is an error.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use mainstem_server::ServerConfig;
use mainstem_streams::StreamsConfig;
use mainstem_types::{AccountId, Region};
use serde::{Deserialize, Serialize};

/// The file that is read if it lies in the working directory.
const FILE: &str = "mainstem.toml";
const PREFIX: &str = "MAINSTEM_";
/// The settings that variables can give as text, and as numbers; other variables with our prefix are
/// somebody else's.
const TEXTS: [&str; 4] = ["data", "listen", "region", "account"];
const NUMBERS: [&str; 2] = ["transition_ms", "drain_timeout_ms"];

/// The settings of `mainstem serve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// The region in ARNs.
    pub(crate) region: String,
    /// The account in ARNs, 12 digits.
    pub(crate) account: String,
    /// How long a stream is CREATING or DELETING, in ms.
    pub(crate) transition_ms: u64,
    /// How long requests under way may take once the server is told to stop, in ms.
    pub(crate) drain_timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let server = ServerConfig::default();
        let streams = StreamsConfig::default();
        Self {
            data: PathBuf::from("./mainstem-data"),
            listen: server.listen,
            region: streams.region.to_string(),
            account: streams.account.to_string(),
            transition_ms: streams.transition_ms,
            drain_timeout_ms: server.drain_timeout_ms,
        }
    }
}

/// What was given on the command line.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Collects what variables say; `variable` looks one up.
fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Figment> {
    let mut found = Figment::new();
    for key in TEXTS.into_iter().chain(NUMBERS) {
        let name = format!("{PREFIX}{}", key.to_uppercase());
        let Some(text) = variable(&name) else {
            continue;
        };
        if text.is_empty() {
            bail!("{name} is empty; give it a value or unset it");
        }
        found = if NUMBERS.contains(&key) {
            let number: u64 = text
                .parse()
                .with_context(|| format!("{name} is {text:?}, which is no number"))?;
            found.merge(Serialized::default(key, number))
        } else {
            found.merge(Serialized::default(key, text))
        };
    }
    Ok(found)
}

impl Settings {
    /// Collects the settings; `file` must exist if it is given.
    pub(crate) fn load(file: Option<&Path>, flags: &Flags) -> Result<Self> {
        let toml = match file {
            Some(file) if !file.is_file() => {
                bail!("there is no configuration file at {}", file.display())
            }
            Some(file) => Toml::file_exact(file),
            None => Toml::file(FILE),
        };
        Figment::from(Serialized::defaults(Self::default()))
            .merge(toml)
            .merge(from_variables(|name| std::env::var(name).ok())?)
            .merge(Serialized::defaults(flags))
            .extract()
            .context("the configuration cannot be used")
    }

    /// Returns the settings of the streams.
    pub(crate) fn streams(&self) -> Result<StreamsConfig> {
        let mut config = StreamsConfig::default();
        config.region = self.region.parse::<Region>().context("region")?;
        config.account = self.account.parse::<AccountId>().context("account")?;
        config.transition_ms = self.transition_ms;
        Ok(config)
    }

    /// Returns the settings of the HTTP server.
    pub(crate) fn server(&self) -> ServerConfig {
        ServerConfig {
            listen: self.listen,
            drain_timeout_ms: self.drain_timeout_ms,
            ..ServerConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_can_give_every_setting() {
        let settings = figment::value::Value::serialize(Settings::default()).unwrap();
        let keys: Vec<&str> = settings
            .as_dict()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut known: Vec<&str> = TEXTS.into_iter().chain(NUMBERS).collect();
        known.sort_unstable();
        assert_eq!(keys, known);
        let given = |name: &str| {
            Some(match name {
                "MAINSTEM_DATA" => "123".to_owned(),
                "MAINSTEM_ACCOUNT" => "000000000001".to_owned(),
                "MAINSTEM_TRANSITION_MS" => "7".to_owned(),
                _ => return None,
            })
        };
        let settings: Settings = Figment::from(Serialized::defaults(Settings::default()))
            .merge(from_variables(given).unwrap())
            .extract()
            .unwrap();
        assert_eq!(settings.data, PathBuf::from("123"));
        assert_eq!(settings.account, "000000000001");
        assert_eq!(settings.transition_ms, 7);
        assert!(from_variables(|_| Some(String::new())).is_err());
        assert!(from_variables(|_| Some("x".to_owned())).is_err());
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error_and_flags_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("some.toml");
        let write = |text: &str| {
            let env = mainstem_env::Env::real();
            mainstem_env::replace_file(&*env.fs, dir.path(), "some.toml", text.as_bytes()).unwrap();
        };
        write("listn = \"127.0.0.1:1\"");
        let error = Settings::load(Some(&file), &Flags::default()).unwrap_err();
        assert!(crate::report::chain(&error).contains("listn"), "{error:#}");
        write("region = \"eu-west-1\"\ntransition_ms = 0\nlisten = \"127.0.0.1:1\"");
        let flags = Flags {
            listen: Some(([127, 0, 0, 1], 2).into()),
            data: None,
        };
        let settings = Settings::load(Some(&file), &flags).unwrap();
        assert_eq!(
            (settings.region.as_str(), settings.transition_ms),
            ("eu-west-1", 0)
        );
        assert_eq!(settings.listen.port(), 2);
        assert!(Settings::load(Some(&dir.path().join("none")), &flags).is_err());
    }
}
