//! The same calls on the real and the simulated world give the same answers.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::sim::Sim;
use mainstem_env::{Env, File, Fs, OpenMode, ReadMode};

/// Makes calls below a directory, and writes down what they answer.
struct Caller {
    fs: Arc<dyn Fs>,
    base: PathBuf,
    lines: Vec<String>,
}

impl Caller {
    fn at(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    fn tell<T: Debug>(&mut self, what: &str, answer: io::Result<T>) {
        let answer = answer.map_err(|error| error.kind());
        self.lines.push(format!("{what}: {answer:?}"));
    }

    /// As `tell`, where file systems differ in the kind of the error.
    fn tell_whether<T: Debug>(&mut self, what: &str, answer: io::Result<T>) {
        self.tell(what, answer.map_err(|_| ErrorKind::Other.into()));
    }

    fn list(&mut self) {
        let entries = self.fs.list(&self.base);
        self.tell("list", entries);
    }

    fn make_file(&mut self) -> Arc<dyn File> {
        let fs = Arc::clone(&self.fs);
        self.tell("create", fs.create_dir(&self.at("d")));
        self.tell("create again", fs.create_dir(&self.at("d")));
        self.tell("create below nothing", fs.create_dir(&self.at("x/y")));
        for mode in [OpenMode::Read, OpenMode::ReadWrite] {
            let opened = fs.open(&self.at("d/f"), mode);
            self.tell("open", opened.map(|_| ()));
        }
        for _ in 0..2 {
            let opened = fs.open(&self.at("d/f"), OpenMode::CreateNew);
            self.tell("open new", opened.map(|_| ()));
        }
        fs.open(&self.at("d/f"), OpenMode::ReadWriteOrCreate)
            .unwrap()
    }

    fn change_contents(&mut self, file: &dyn File) {
        let mut buffer = [9; 20];
        self.tell("write", file.write_all_at(b"0123456789", 5));
        self.tell("read", file.read_at(&mut buffer, 2));
        self.tell("bytes", Ok(buffer));
        self.tell("read past", file.read_at(&mut buffer, 100));
        self.tell("grow", file.truncate(9000));
        self.tell("cut", file.truncate(7));
        self.tell("allocate", file.allocate(5000));
        self.tell("allocate less", file.allocate(100));
        self.tell("len", file.len());
        self.tell("read", file.read_at(&mut buffer, 0));
        self.tell("zeros after the cut", Ok(buffer));
        let reader = self.fs.open(&self.at("d/f"), OpenMode::Read).unwrap();
        self.tell_whether("write to a reader", reader.write_all_at(b"x", 0));
    }

    fn change_names(&mut self) {
        let fs = Arc::clone(&self.fs);
        self.tell("metadata", fs.metadata(&self.at("d/f")));
        for name in ["d", "none", "none/f"] {
            let found = fs.metadata(&self.at(name));
            self.tell(
                "metadata",
                found.map(|found| found.map(|found| found.is_dir)),
            );
        }
        self.list();
        self.tell("list a file", fs.list(&self.at("d/f")));
        self.tell("remove full", fs.remove_dir(&self.at("d")));
        self.tell_whether("unlink directory", fs.unlink(&self.at("d")));
        self.tell("remove file", fs.remove_dir(&self.at("d/f")));
        self.tell("create", fs.create_dir(&self.at("e")));
        for (from, to) in [
            ("none", "g"),
            ("d/f", "e"),
            ("d/f", "d/f"),
            ("e", "h"),
            ("h", "d/f"),
            ("h", "d"),
            ("d/f", "g"),
        ] {
            let renamed = fs.rename(&self.at(from), &self.at(to));
            self.tell(&format!("{from} -> {to}"), renamed);
        }
        self.list();
    }

    fn read_regions(&mut self, file: &dyn File) {
        let fs = Arc::clone(&self.fs);
        let region = file.region(1 << 16, ReadMode::Mapped).unwrap();
        self.tell("sync", file.sync_all());
        region.publish(12);
        self.tell("unlink", fs.unlink(&self.at("g")));
        self.tell("unlink again", fs.unlink(&self.at("g")));
        for (start, end) in [(3, 12), (3, 13), (4, 3), (12, 12)] {
            let view = region.view(start..end);
            self.tell("view", view.map(|view| view.to_vec()));
        }
        self.tell("write to unlinked", file.write_all_at(b"y", 12));
        for name in ["h", "d", "d"] {
            self.tell("remove", fs.remove_dir(&self.at(name)));
        }
        self.list();
        self.tell("sync", fs.sync_dir(&self.base));
        self.tell("sync nothing", fs.sync_dir(&self.at("none")));
    }
}

fn transcript(env: &Env, base: &Path) -> Vec<String> {
    let mut caller = Caller {
        fs: Arc::clone(&env.fs),
        base: base.to_path_buf(),
        lines: Vec::new(),
    };
    let file = caller.make_file();
    caller.change_contents(&*file);
    caller.change_names();
    caller.read_regions(&*file);
    caller.lines
}

#[test]
fn real_and_simulated_answers_agree() {
    let real = tempfile::tempdir().unwrap();
    let expected = transcript(&Env::real(), real.path());
    let sim = Sim::new(1).env();
    sim.fs.create_dir(Path::new("/base")).unwrap();
    let found = transcript(&sim, Path::new("/base"));
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.len(), found.len());
}
