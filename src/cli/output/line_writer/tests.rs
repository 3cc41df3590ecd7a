use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, pipe},
    sync::mpsc,
};

use super::*;

/// A descriptor whose writes are scripted by the test.
struct Scripted<F> {
    pipe: io::PipeWriter,
    next: F,
}

impl<F: FnMut(&[u8]) -> io::Result<usize>> Write for Scripted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (self.next)(bytes)?;
        self.pipe.write_all(&bytes[..count])?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F> AsFd for Scripted<F> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn line(number: usize) -> Vec<u8> {
    format!("line {number}\n").into_bytes()
}

#[test]
fn a_reader_that_reads_gets_every_line_in_order() {
    let (reader, out) = pipe().expect("descriptors");
    let writer = LineWriter::start("test", out, Bounds::default(), |_| {}).expect("a thread");
    let read =
        thread::spawn(move || BufReader::new(reader).lines().map_while(Result::ok).collect::<Vec<_>>());
    for number in 0..10_000 {
        assert_eq!(writer.put(line(number), || false), Put::Queued);
    }
    assert!(writer.flush(Duration::from_secs(60)));
    assert_eq!(writer.loss(), Loss::default());
    drop(writer);
    let lines = read.join().expect("no panic");
    assert!(lines.iter().enumerate().all(|(number, text)| *text == format!("line {number}")));
    assert_eq!(lines.len(), 10_000, "the thread ended with its last handle, and closed its end");
}

#[test]
fn a_stuck_reader_costs_only_lines() {
    let (mut reader, mut out) = pipe().expect("descriptors");
    // The pipe is full, so that no line leaves the queue.
    rustix::io::ioctl_fionbio(&out, true).expect("a pipe can");
    let mut before = 0;
    while let Ok(count) = out.write(&[b'.'; 4096]) {
        before += count;
    }
    rustix::io::ioctl_fionbio(&out, false).expect("a pipe can");
    let (report_to, reported) = mpsc::channel();
    let bounds = Bounds { lines: 100, bytes: 1 << 20 };
    let writer = LineWriter::start("test", out, bounds, move |loss| report_to.send(loss).unwrap_or_default())
        .expect("a thread");
    let filler = vec![b'x'; 4096];
    (0..1_000).for_each(|_| writer.offer(filler.clone()));
    let lost = Loss { queue_full: 900, write_failed: 0 };
    assert_eq!(writer.loss(), lost);
    assert_eq!(writer.put(filler, || true), Put::Stopped);
    assert!(!writer.flush(Duration::from_millis(1)));
    // The reader reads again.
    reader.read_exact(&mut vec![0; before + 100 * 4096]).expect("all that was kept");
    assert_eq!(reported.recv().expect("a report"), lost);
    assert_eq!(writer.put(line(1), || true), Put::Queued);
}

#[test]
fn the_bound_in_bytes_holds_and_a_longer_line_goes_alone() {
    let (_reader, out) = pipe().expect("descriptors");
    let (stuck, release) = mpsc::channel::<()>();
    let mut first = true;
    let next = move |bytes: &[u8]| {
        if std::mem::take(&mut first) {
            let _ = release.recv();
        }
        Ok(bytes.len())
    };
    let bounds = Bounds { lines: 1_000, bytes: 100 };
    let out = Scripted { pipe: out, next };
    let writer = LineWriter::start("test", out, bounds, |_| {}).expect("a thread");
    writer.offer(vec![b'a'; 300]);
    writer.offer(vec![b'b'; 1]);
    assert_eq!(writer.loss().queue_full, 1, "300 bytes of 100 wait");
    drop(stuck);
    assert!(writer.flush(Duration::from_secs(60)));
    (0..4).for_each(|_| writer.offer(vec![b'c'; 25]));
    assert!(writer.flush(Duration::from_secs(60)));
    assert_eq!(writer.loss().queue_full, 1);
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_reported_when_one_can() {
    let (reader, out) = pipe().expect("descriptors");
    let (report_to, reported) = mpsc::channel();
    let mut writes = 0;
    let next = move |bytes: &[u8]| {
        writes += 1;
        match writes {
            // The disk has room for three bytes of the first line, and then for none.
            1 => Ok(3),
            2..=5 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(bytes.len()),
        }
    };
    let out = Scripted { pipe: out, next };
    let report = move |loss| report_to.send(loss).unwrap_or_default();
    let writer = LineWriter::start("test", out, Bounds::default(), report).expect("a thread");
    for number in 0..4 {
        writer.offer(line(number));
        assert!(!writer.flush(Duration::from_secs(60)));
    }
    assert_eq!(writer.failure(), Some(io::ErrorKind::StorageFull));
    assert_eq!(writer.put(line(4), || false), Put::Failed(io::ErrorKind::StorageFull));
    writer.offer(line(5));
    assert!(writer.flush(Duration::from_secs(60)));
    assert_eq!(reported.recv().expect("a report"), Loss { queue_full: 0, write_failed: 4 });
    drop(writer);
    let mut text = String::new();
    BufReader::new(reader).read_to_string(&mut text).expect("text");
    assert_eq!(text, "lin\nline 5\n", "what was cut off does not run into what follows");
}

#[test]
fn a_full_device_ends_nothing() {
    let out = File::options().write(true).open("/dev/full").expect("Linux has it");
    let writer = LineWriter::start("test", out, Bounds::default(), |_| {}).expect("a thread");
    (0..100).for_each(|number| writer.offer(line(number)));
    writer.flush(Duration::from_secs(60));
    assert_eq!(writer.loss(), Loss { queue_full: 0, write_failed: 100 });
}

#[test]
fn a_pipe_that_does_not_block_loses_nothing() {
    let (reader, out) = pipe().expect("descriptors");
    rustix::io::ioctl_fionbio(&out, true).expect("a pipe can");
    let writer = LineWriter::start("test", out, Bounds::default(), |_| {}).expect("a thread");
    let filler = [vec![b'y'; 4095], vec![b'\n']].concat();
    (0..200).for_each(|_| writer.offer(filler.clone()));
    let read = thread::spawn(move || BufReader::new(reader).lines().map_while(Result::ok).count());
    assert!(writer.flush(Duration::from_secs(60)));
    drop(writer);
    assert_eq!(read.join().expect("no panic"), 200);
}
