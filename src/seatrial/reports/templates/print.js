addEventListener("beforeprint",()=>{for(const d of document.querySelectorAll("details:not([open])")){d.open=true;d.dataset.closed=""}});
addEventListener("afterprint",()=>{for(const d of document.querySelectorAll("details[data-closed]")){d.open=false;delete d.dataset.closed}});
