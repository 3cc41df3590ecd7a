//! Files in memory, which outlive a crash of their process.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use shardcast_proto::tcpshm::{
    ClientFiles, FileError, Files, Name, Start,
    journal::{Beginning, GrowError, Identity, Journal, JournalConfig, LEN_FIRST, Source, Store},
};

/// The files of one machine, by name.
#[derive(Clone, Default)]
pub(super) struct Disk(Rc<RefCell<BTreeMap<String, Image>>>);

/// One file. What is written is there at once, and stays there if the process ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Image(Rc<RefCell<Vec<u8>>>);

/// The files of one end.
#[derive(Clone)]
pub(super) struct MemoryFiles {
    disk: Disk,
    local: Name,
    config: JournalConfig,
}

impl Disk {
    pub(super) fn files(&self, local: &str) -> MemoryFiles {
        MemoryFiles { disk: self.clone(), local: name(local), config: JournalConfig::default() }
    }

    /// Whether there is a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.borrow().contains_key(name)
    }

    /// Loses everything.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

impl MemoryFiles {
    /// The same files, with other journals.
    pub(super) fn with_config(self, config: JournalConfig) -> Self {
        Self { config, ..self }
    }

    /// The journal of this peer before its first sync.
    pub(super) fn unsynced(&self, remote: &Name) -> Option<Journal<Image>> {
        let image = self.disk.0.borrow().get(&self.path(remote)).cloned()?;
        let opened = Journal::open(image, identity(&self.local, remote), self.config);
        Some(opened.expect("intact").unsynced().0)
    }

    fn path(&self, remote: &Name) -> String {
        format!("{}_{remote}", self.local)
    }

    fn create(&self, remote: &Name, start: Start) -> Journal<Image> {
        let image = Image(Rc::new(RefCell::new(vec![0; LEN_FIRST as usize])));
        let beginning = Beginning { salt: 1 + start.next, first: start.next, received: start.received };
        let created = Journal::create(image.clone(), identity(&self.local, remote), beginning, self.config);
        let (journal, _) = created.expect("valid names").finish();
        self.disk.0.borrow_mut().insert(self.path(remote), image);
        journal
    }
}

fn identity<'a>(local: &'a Name, remote: &'a Name) -> Identity<'a> {
    Identity { local: local.as_str().as_bytes(), remote: remote.as_str().as_bytes(), boot: 1 }
}

impl Files for MemoryFiles {
    type Store = Image;

    fn open(&self, remote: &Name) -> Result<Journal<Image>, FileError> {
        let image = self.disk.0.borrow().get(&self.path(remote)).cloned();
        let Some(image) = image else { return Ok(self.create(remote, Start::default())) };
        let opened = Journal::open(image, identity(&self.local, remote), self.config);
        let opened = opened.map_err(|error| FileError { code: error.code(), text: error.to_string() })?;
        Ok(opened.finish().0)
    }

    fn remove(&self, remote: &Name) -> Result<(), FileError> {
        self.disk.0.borrow_mut().remove(&self.path(remote));
        Ok(())
    }

    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<Image>, FileError> {
        Ok(self.create(remote, start))
    }
}

impl ClientFiles for MemoryFiles {
    fn last_server(&self) -> Result<Option<Name>, FileError> {
        let disk = self.disk.0.borrow();
        let image = disk.get(self.local.as_str());
        Ok(image.map(|image| Name::from_wire(&image.0.borrow()).expect("a name")))
    }

    fn set_last_server(&self, server: &Name) -> Result<(), FileError> {
        let image = Image(Rc::new(RefCell::new(server.as_str().into())));
        self.disk.0.borrow_mut().insert(self.local.as_str().to_owned(), image);
        Ok(())
    }
}

impl Source for Image {
    fn len_bytes(&self) -> u64 {
        self.0.borrow().len() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) {
        self.0.borrow().read(at, into);
    }
}

impl Store for Image {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        self.0.borrow_mut().write(at, bytes);
    }

    fn publish(&mut self, at: u64, word: u64) {
        self.0.borrow_mut().publish(at, word);
    }

    fn grow(&mut self, len: u64) -> Result<(), GrowError> {
        self.0.borrow_mut().grow(len)
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}
