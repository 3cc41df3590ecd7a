//! A Tars server on ordinary threads, which knows packets and nothing else of this project's servers.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use shardcast::{
    proto::tars::rpc::{ArgumentReader, ArgumentWriter, encode_push},
    tars::packet::{
        FRAME_LEN_MAX_TARSCPP, RequestPacket, ResponsePacket, ReturnCode, StringMap, Version, split_frame,
        status_key,
    },
};

/// A server of the object `Test.PeerServer.PeerObj`. Its functions:
///
/// | function | response |
/// | --- | --- |
/// | `hello(1 name)` | `"hello " + name`; the context is that of the request |
/// | `fail(1 code)` | that code, with the text "as asked" |
/// | `wait()` | an empty one, once the test releases it |
/// | `push(1 count)` | that number, after so many pushes of `pushMsg(1 number)` |
/// | `leave()` | the notice that asks clients to leave, and 0 |
/// | `silent()` | none |
/// | `break()` | the end of the connection |
/// | `bad()` | bytes that are not a string |
/// | `tars_ping` | an empty one |
pub(super) struct TarsPeer {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    accepted: AtomicUsize,
    is_killed: AtomicBool,
    open: Mutex<Vec<(usize, TcpStream)>>,
    requests: Mutex<Vec<RequestPacket>>,
    gate: Gate,
}

/// Calls wait here until the test releases them, so that no test depends on how long something takes.
#[derive(Default)]
struct Gate {
    released: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *lock(&self.released) += 1;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let guard = self.changed.wait_while(lock(&self.released), |released| *released == 0);
        *guard.unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

impl TarsPeer {
    pub(super) fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"))
    }

    pub(super) fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if theirs.is_killed.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.expect("a client");
                let number = theirs.accepted.fetch_add(1, Ordering::SeqCst);
                lock(&theirs.open).push((number, stream.try_clone().expect("a descriptor")));
                let shared = Arc::clone(&theirs);
                thread::spawn(move || {
                    shared.serve(stream);
                    lock(&shared.open).retain(|(open, _)| *open != number);
                });
            }
        });
        Self { address, shared }
    }

    /// Its endpoint, with more options.
    pub(super) fn endpoint(&self, options: &str) -> String {
        format!("tcp -h 127.0.0.1 -p {} -t 60000 {options}", self.address.port())
    }

    /// Connections so far.
    pub(super) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections now.
    pub(super) fn open(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Releases one call of `wait`.
    pub(super) fn release(&self) {
        self.shared.gate.open();
    }

    /// All requests so far, and forgets them.
    pub(super) fn take_requests(&self) -> Vec<RequestPacket> {
        std::mem::take(&mut *lock(&self.shared.requests))
    }

    /// Ends all connections and accepts no more.
    pub(super) fn kill(&self) {
        self.shared.is_killed.store(true, Ordering::SeqCst);
        // The listener ends with the next connection.
        drop(TcpStream::connect(self.address));
        while TcpStream::connect(self.address).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
        self.disconnect();
    }

    /// Ends all connections.
    pub(super) fn disconnect(&self) {
        for (_, stream) in &*lock(&self.shared.open) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The object string of a proxy of these endpoints.
pub(super) fn object_of<const N: usize>(endpoints: [String; N]) -> String {
    format!("{PEER_OBJECT}@{}", endpoints.join(":"))
}

pub(super) const PEER_OBJECT: &str = "Test.PeerServer.PeerObj";

impl Shared {
    fn serve(self: &Arc<Self>, mut stream: TcpStream) {
        let mut input = Vec::new();
        let mut chunk = [0; 65_536];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(len) => input.extend_from_slice(&chunk[..len]),
            }
            let mut start = 0;
            while let Some((body, taken)) =
                split_frame(&input[start..], FRAME_LEN_MAX_TARSCPP).expect("packets")
            {
                let request = RequestPacket::decode(body).expect("a request");
                start += taken;
                lock(&self.requests).push(request.clone());
                if request.func == "break" {
                    return drop(stream.shutdown(Shutdown::Both));
                }
                if request.func == "wait" {
                    let (shared, mut stream) = (Arc::clone(self), stream.try_clone().expect("a descriptor"));
                    thread::spawn(move || shared.respond(&request, &mut stream));
                } else {
                    self.respond(&request, &mut stream);
                }
            }
            input.drain(..start);
        }
    }

    fn respond(&self, request: &RequestPacket, stream: &mut TcpStream) {
        let version = request.version;
        let mut arguments = ArgumentReader::new(version, &request.buffer).expect("arguments");
        let mut number = |name| arguments.take::<i32>(1, name).expect("a number");
        let mut results = ArgumentWriter::new(version, Vec::new());
        let mut ret = ReturnCode::SUCCESS;
        let mut out = Vec::new();
        match &*request.func {
            "hello" => {
                let name: String = arguments.take(1, "name").expect("a name");
                results.put_result(&format!("hello {name}"));
            }
            "fail" => ret = ReturnCode(number("code")),
            "wait" => self.gate.wait(),
            "push" => {
                let count = number("count");
                for number in 0..count {
                    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
                    w.put(1, "number", &number);
                    out.extend_from_slice(&encode_push("pushMsg", w.finish().expect("a number")));
                }
                results.put_result(&count);
            }
            "leave" => {
                let notice =
                    ResponsePacket { result_desc: "_reconnect_".into(), ..ResponsePacket::default() };
                notice.encode(&mut out).expect("a short packet");
                results.put_result(&0);
            }
            "bad" => results.put_result(&vec![1_i32]),
            "tars_ping" => {}
            "silent" => return,
            other => panic!("{other} is not a function"),
        }
        if !request.is_one_way() {
            encode_response(request, ret, results.finish().expect("results"), &mut out);
            let _ = stream.write_all(&out);
        }
    }
}

fn encode_response(request: &RequestPacket, ret: ReturnCode, body: Vec<u8>, out: &mut Vec<u8>) {
    let failed = ret != ReturnCode::SUCCESS;
    let (text, buffer) = if failed { ("as asked", Vec::new()) } else { ("", body) };
    let (version, request_id, context) = (request.version, request.request_id, request.context.clone());
    let buffer = buffer.into();
    if version.is_tup() {
        let pair = |key: &str, value: String| (key.to_owned(), value);
        let status = match failed {
            false => StringMap::new(),
            true => StringMap::from([
                pair(status_key::RESULT_CODE, ret.0.to_string()),
                pair(status_key::RESULT_DESC, text.to_owned()),
            ]),
        };
        let (servant, func) = (request.servant.clone(), request.func.clone());
        let packet = RequestPacket {
            version,
            request_id,
            servant,
            func,
            buffer,
            context,
            status,
            ..Default::default()
        };
        return packet.encode(out).expect("a short packet");
    }
    let result_desc = text.to_owned();
    let packet = ResponsePacket {
        version,
        request_id,
        ret,
        buffer,
        result_desc,
        context,
        ..ResponsePacket::default()
    };
    packet.encode(out).expect("a short packet");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
