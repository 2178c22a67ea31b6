//! A mail server on loopback that speaks as much SMTP as a sender needs, and says what a case wants it to say.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use orderly_infrastructure::Mail;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Shut when it is dropped.
pub(crate) struct MailServer {
    port: u16,
    desk: Arc<Mutex<Desk>>,
    task: JoinHandle<()>,
}

/// What it does with the next mail, unless it just takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whim {
    /// Hangs up before a word is said.
    HangUp,
    /// Answers so when it hears whom the mail is for.
    Reply(&'static str),
    /// Takes it, and hangs up before it says so.
    TakeInSilence,
}

#[derive(Default)]
struct Desk {
    whims: VecDeque<Whim>,
    taken: Vec<String>,
}

impl MailServer {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk = Arc::new(Mutex::new(Desk::default()));
        let of_task = Arc::clone(&desk);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A sender that hangs up is not worth a word.
                let _ = serve(stream, &of_task).await;
            }
        });
        Self { port, desk, task }
    }

    /// How it is reached, in the shop's name.
    pub(crate) fn mail(&self) -> Mail {
        let server = format!("smtp://127.0.0.1:{}", self.port).parse().unwrap();
        Mail { server, from: "Orderly <orders@shop.example>".parse().unwrap() }
    }

    pub(crate) fn next(&self, whim: Whim) {
        self.desk.lock().unwrap().whims.push_back(whim);
    }

    /// The mails it took since it was last asked, as they came, envelope first.
    pub(crate) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.desk.lock().unwrap().taken)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, desk: &Mutex<Desk>) -> std::io::Result<()> {
    let whim = desk.lock().unwrap().whims.pop_front();
    if matches!(whim, Some(Whim::HangUp)) {
        return Ok(());
    }
    let (read, write) = stream.split();
    let (mut lines, mut out) = (BufReader::new(read).lines(), BufWriter::new(write));
    let mut mail = String::new();
    let mut reply = "220 mail.test";
    loop {
        out.write_all(format!("{reply}\r\n").as_bytes()).await?;
        out.flush().await?;
        let Some(line) = lines.next_line().await? else { return Ok(()) };
        reply = match line.split([' ', ':']).next().unwrap() {
            "MAIL" => {
                mail = format!("{line}\n");
                "250 fine"
            }
            "RCPT" => {
                mail.push_str(&format!("{line}\n"));
                if let Some(Whim::Reply(reply)) = whim { reply } else { "250 fine" }
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n").await?;
                out.flush().await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(&format!("{line}\n"));
                }
                desk.lock().unwrap().taken.push(std::mem::take(&mut mail));
                if matches!(whim, Some(Whim::TakeInSilence)) {
                    return Ok(());
                }
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
    }
}
