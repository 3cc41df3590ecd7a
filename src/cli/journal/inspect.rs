//! What is in a journal, as text.

use std::fmt::Write as _;

use shardcast::journal::{
    Durability, Head, Inspection, JournalError, JournalFile, Records, Slot, StoredMessage, VERSION, this_boot,
};

use super::describe;
use crate::output::escape;

/// Lines for everything in the file.
pub(super) fn report(file: &JournalFile, with_messages: bool) -> String {
    let Inspection { len, head, slots, records } = file.inspect();
    let mut text = format!("length: {len}\n");
    match &head {
        Ok(head) => text += &head_lines(head),
        Err(damage) => return text + &format!("damaged: {}\n", describe(damage)),
    }
    for (number, slot) in slots.iter().enumerate() {
        text += &format!("slot {number}: {}\n", slot_text(slot));
    }
    text += &records_lines(&records);
    if with_messages {
        file.messages().for_each(|message| text += &message_line(&message));
    }
    text
}

fn head_lines(head: &Head) -> String {
    let [local, remote] = [&head.local, &head.remote].map(|name| String::from_utf8_lossy(name));
    let (local, remote) = (escape::line(&local), escape::line(&remote));
    format!("version: {VERSION}\nlocal: {local}\nremote: {remote}\nsalt: {:016x}\n", head.salt)
}

fn slot_text(slot: &Result<Option<Slot>, JournalError>) -> String {
    match slot {
        Ok(Some(slot)) => complete(slot),
        Ok(None) => "not written".to_owned(),
        Err(damage) => format!("damaged: {}", describe(damage)),
    }
}

fn complete(slot: &Slot) -> String {
    let boot = match slot.boot {
        boot if boot == this_boot() => "this boot".to_owned(),
        boot => format!("boot {boot:016x}"),
    };
    let durability = match slot.durability {
        Durability::Process => "process",
        Durability::Synced => "synced",
    };
    let Slot { generation, first, messages, durable, received, .. } = slot;
    format!(
        "generation {generation}, {boot}, first {first}, messages {messages}, durable {durable}, \
         received {received}, {durability}"
    )
}

fn records_lines(records: &Result<Records, JournalError>) -> String {
    let Records { slot, next, bytes, error } = match records {
        Ok(records) => records,
        Err(damage) => return format!("damaged: {}\n", describe(damage)),
    };
    let mut text = format!("capacity: {}\n", slot.capacity);
    text += &format!("records: of slot {}, first {}, next {next}, bytes {bytes}\n", slot.number, slot.first);
    if let Some(damage) = error {
        text += &format!("damaged: {}\n", describe(damage));
    }
    text
}

fn message_line(message: &StoredMessage) -> String {
    let StoredMessage { sequence, msg_type, body } = message;
    let mut line = format!("message {sequence}: type {msg_type}, {} bytes", body.len());
    let shown = &body[..body.len().min(SHOWN_BYTES)];
    for (at, byte) in shown.iter().enumerate() {
        let separator = if at == 0 { ", " } else { "" };
        // Writing into a string does not fail.
        let _ = write!(line, "{separator}{byte:02x}");
    }
    line + if shown.len() < body.len() { "...\n" } else { "\n" }
}

/// Of each body.
const SHOWN_BYTES: usize = 32;
