//! Builds everything that the configuration names and throws it away: finds what reading alone cannot, such as
//! a secret that is not there. Opens no connection and no store.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Config, Files};
use crate::notify::{Composer, Surroundings, Templates};
use crate::settings::{File, Problem, Problems};
use crate::watchlist::corpora::list_folder;
use crate::{http, source};

/// What would go wrong when the configuration is put to use. Call it within a runtime.
pub fn trial(config: &Config, now: fn() -> Timestamp) -> Result<(), Problems> {
    let mut trial = Trial { config, problems: Problems::default() };
    let templates = Templates::load(config.templates.as_deref());
    for problem in templates.check() {
        let file = PathBuf::from(problem.file);
        trial.problems.push(Problem { file, line: problem.line, what: problem.what });
    }
    if let Some(http) = trial.http() {
        trial.sources(&http, now);
        trial.routes(&http, Arc::new(templates));
    }
    if let Some(Err(error)) = config.heartbeat.as_ref().map(|heartbeat| heartbeat.url(&config.base))
    {
        trial.main("heartbeat", &with_causes(&error));
    }
    for problem in config.corpora.resolve(&list_folder).1.iter() {
        trial.problems.push(problem.clone());
    }
    trial.problems.or(())
}

struct Trial<'a> {
    config: &'a Config,
    problems: Problems,
}

impl Trial<'_> {
    fn http(&mut self) -> Option<http::Client> {
        let settings = match self.config.http.settings(&self.config.base) {
            Ok(settings) => settings,
            Err(error) => {
                self.main("http.proxy_password", &error.to_string());
                return None;
            }
        };
        http::Client::new(settings).map_err(|error| self.main("http", &error.to_string())).ok()
    }

    fn sources(&mut self, http: &http::Client, now: fn() -> Timestamp) {
        let context = source::Context {
            http: http.clone(),
            data_dir: self.config.data.path().to_owned(),
            max_body: self.config.http.settings.max_body,
            validator: Arc::new(|_| None),
            now,
        };
        for definition in &self.config.sources {
            if let Err(error) = definition.build(&context) {
                let setting = format!("source.{}", definition.name);
                self.tell(|files| files.sources.as_ref(), &setting, &error.to_string());
            }
        }
    }

    fn routes(&mut self, http: &http::Client, templates: Arc<Templates>) {
        let around = Surroundings {
            composer: Arc::new(Composer::new(templates, &self.config.instance)),
            http: http.clone(),
            base: self.config.base.clone(),
        };
        for route in &self.config.routes {
            if let Err(error) = route.notifier(&around) {
                self.main(&format!("route.{}", route.name), &error.to_string());
            }
        }
    }

    fn main(&mut self, setting: &str, what: &str) {
        self.tell(|files| files.main.as_ref(), setting, what);
    }

    fn tell(&mut self, of: impl Fn(&Files) -> Option<&File>, setting: &str, what: &str) {
        self.problems.push(match of(&self.config.files) {
            Some(file) => file.problem_with(setting, what),
            // Built-in defaults have no line.
            None => Problem {
                file: self.config.base.join(super::FILE_NAME),
                line: None,
                what: format!("{setting}: {what}"),
            },
        });
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
